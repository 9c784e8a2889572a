//! The reader of the program file: any text is a consistent program or a list of places to mend.

use std::collections::BTreeMap;

use proofback_domain::click_id::Keys;
use proofback_domain::program::{Mistake, Program, Secrets, Severity, Snapshot, read};

pub fn run(data: &[u8]) {
    let source = String::from_utf8_lossy(data);
    let (program, mistakes) = read(&source);
    assert_eq!((&program, &mistakes), (&read(&source).0, &read(&source).1));
    let is_refused = mistakes.iter().any(|mistake| mistake.severity == Severity::Error);
    assert_eq!(program.is_none(), is_refused, "{mistakes:?}");
    for mistake in &mistakes {
        stands_in_the_file(mistake, &source);
    }
    if let Some(program) = program {
        is_consistent(program);
    }
}

fn stands_in_the_file(mistake: &Mistake, source: &str) {
    let lines = source.split('\n').count();
    assert!(1 <= mistake.line && mistake.line <= lines, "{mistake:?}");
    let line = source.split('\n').nth(mistake.line - 1).unwrap();
    assert!(1 <= mistake.column && mistake.column <= line.chars().count() + 1, "{mistake:?} in {line:?}");
    assert!(!mistake.message.is_empty());
}

/// Every name that is mentioned is there, and all works that is built on it.
fn is_consistent(program: Program) {
    for offer in program.offers.values() {
        assert!(program.advertisers.contains_key(&offer.advertiser), "{offer:?}");
    }
    for partner in program.partners.values() {
        for terms in &partner.terms {
            assert!(program.offers[&terms.offer].goal(terms.event.as_str()).is_some(), "{terms:?}");
        }
    }
    for link in program.links.values() {
        assert!(program.partners.contains_key(&link.partner), "{link:?}");
        assert!(
            !link.routes.is_empty()
                && link.routes.iter().all(|route| program.offers.contains_key(&route.offer))
        );
    }
    let numbers: BTreeMap<_, _> = (1..).zip(program.links.keys().cloned()).collect();
    let links: Vec<_> = numbers.iter().map(|(number, link)| (*number, link.clone())).collect();
    let snapshot = Snapshot::new(1, program, numbers, Secrets::default(), Keys::new([3; 16], vec![]));
    for (number, link) in links {
        assert_eq!(snapshot.link(number).map(|found| &found.id), Some(&link));
    }
}
