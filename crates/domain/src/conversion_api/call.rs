//! Requests that carry several events, and the smaller ones that are made of them.

use std::collections::BTreeSet;

use crate::delivery::Request;

/// A request, and which of the events it carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub request: Request,
    /// By their index, in the order in which they stand in the request.
    pub members: Vec<usize>,
    /// What stands before, between and after the members in the body.
    frame: Frame,
    parts: Vec<String>,
}

/// The members stand between these, separated by commas.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Frame {
    pub before: String,
    pub after: String,
}

/// One event as it stands in a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    pub json: String,
    /// Two parts of one key never share a call: platforms refuse both of them, or one without saying so.
    pub key: String,
    /// Only parts of one frame share a call.
    pub frame: Frame,
    /// Would fail a whole call if it were late; it is sent alone.
    pub alone: bool,
}

#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub members: usize,
    pub bytes: usize,
}

/// Fills calls with parts, first come first in. `head` is the request without its body.
pub fn pack(head: &Request, parts: Vec<(usize, Part)>, limits: Limits) -> Vec<Call> {
    let mut open: Vec<Open> = Vec::new();
    for (index, part) in parts {
        match open.iter_mut().find(|call| call.takes(&part, limits)) {
            Some(call) => call.add(index, part),
            None => open.push(Open::new(index, part)),
        }
    }
    open.into_iter().map(|call| Call::of(head, call.frame, call.members, call.parts)).collect()
}

/// A call that is being filled.
struct Open {
    frame: Frame,
    members: Vec<usize>,
    parts: Vec<String>,
    keys: BTreeSet<String>,
    bytes: usize,
    alone: bool,
}

impl Open {
    fn new(index: usize, part: Part) -> Self {
        Self {
            bytes: size(&part.frame).saturating_add(part.json.len()),
            frame: part.frame,
            members: vec![index],
            parts: vec![part.json],
            keys: BTreeSet::from([part.key]),
            alone: part.alone,
        }
    }

    fn takes(&self, part: &Part, limits: Limits) -> bool {
        !self.alone
            && !part.alone
            && self.members.len() < limits.members
            && self.bytes.saturating_add(part.json.len()) < limits.bytes
            && self.frame == part.frame
            && !self.keys.contains(&part.key)
    }

    fn add(&mut self, index: usize, part: Part) {
        self.bytes = self.bytes.saturating_add(part.json.len()).saturating_add(1);
        self.members.push(index);
        self.parts.push(part.json);
        self.keys.insert(part.key);
    }
}

fn size(frame: &Frame) -> usize {
    frame.before.len().saturating_add(frame.after.len())
}

impl Call {
    fn of(head: &Request, frame: Frame, members: Vec<usize>, parts: Vec<String>) -> Self {
        let mut request = head.clone();
        request.body = format!("{}{}{}", frame.before, parts.join(","), frame.after);
        Self { request, members, frame, parts }
    }

    /// A call with those members alone for which `keep` says so, by their place in this one.
    pub(super) fn only(&self, keep: impl Fn(usize) -> bool) -> Option<Self> {
        let kept = self.members.iter().zip(&self.parts).enumerate().filter(|(place, _)| keep(*place));
        let (members, parts): (Vec<usize>, Vec<String>) =
            kept.map(|(_, (member, part))| (*member, part.clone())).unzip();
        (!members.is_empty()).then(|| Self::of(&self.request, self.frame.clone(), members, parts))
    }

    /// Two calls with half of the members each; none where there is one member. Halves find one bad member among a
    /// thousand with twenty requests, where single ones would take a thousand.
    pub fn split(&self) -> Vec<Self> {
        let half = self.members.len().div_ceil(2);
        if self.members.len() < 2 {
            return Vec::new();
        }
        [self.only(|place| place < half), self.only(|place| half <= place)].into_iter().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { members: 3, bytes: 40 };

    fn part(json: &str, key: &str) -> Part {
        let frame = Frame { before: "{\"data\":[".into(), after: "]}".into() };
        Part { json: json.into(), key: key.into(), frame, alone: false }
    }

    fn packed(parts: Vec<Part>) -> Vec<(Vec<usize>, String)> {
        let calls =
            pack(&Request::get("https://x.example/"), parts.into_iter().enumerate().collect(), LIMITS);
        calls.into_iter().map(|call| (call.members, call.request.body)).collect()
    }

    #[test]
    fn a_call_is_full_by_number_and_by_bytes() {
        let calls = packed((0..4).map(|number| part("1", &number.to_string())).collect());
        assert_eq!(calls[0], (vec![0, 1, 2], "{\"data\":[1,1,1]}".into()));
        assert_eq!(calls[1], (vec![3], "{\"data\":[1]}".into()));
        let long = format!("\"{}\"", "x".repeat(12));
        let calls = packed((0..3).map(|number| part(&long, &number.to_string())).collect());
        assert_eq!(calls.iter().map(|(members, _)| members.len()).collect::<Vec<_>>(), [2, 1]);
        assert!(calls.iter().all(|(_, body)| body.len() <= LIMITS.bytes));
    }

    #[test]
    fn what_may_not_share_a_call_does_not() {
        let lonely = Part { alone: true, ..part("2", "b") };
        let elsewhere = Part { frame: Frame::default(), ..part("3", "c") };
        let calls = packed(vec![part("1", "a"), part("1", "a"), lonely, elsewhere, part("4", "d")]);
        let members: Vec<Vec<usize>> = calls.into_iter().map(|(members, _)| members).collect();
        assert_eq!(members, [vec![0, 4], vec![1], vec![2], vec![3]]);
    }

    #[test]
    fn splitting_keeps_every_member_once_and_ends() {
        let parts = (0..3).map(|number| (10 + number, part(&number.to_string(), &number.to_string())));
        let mut queue = pack(&Request::get("https://x.example/"), parts.collect(), LIMITS);
        let mut single = Vec::new();
        while let Some(call) = queue.pop() {
            let halves = call.split();
            if halves.is_empty() {
                single.push((call.members[0], call.request.body.clone()));
            }
            assert!(halves.iter().all(|half| half.members.len() < call.members.len()));
            queue.extend(halves);
        }
        single.sort();
        let body = |number: usize| format!("{{\"data\":[{number}]}}");
        assert_eq!(single, [(10, body(0)), (11, body(1)), (12, body(2))]);
    }
}
