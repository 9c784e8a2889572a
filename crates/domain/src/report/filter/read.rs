//! Reads `country in (DE, AT) and not (device = bot or sub1 ~ "test")`.

use super::{BYTES_MAX, DEPTH_MAX, Filter, Term, Test, is_plain, join, read_value};
use crate::report::dimension::Dimension;
use crate::report::words::quote;

/// Reads a whole filter; `dimension` reads the names of dimensions.
pub(in crate::report) fn read(
    text: &str,
    dimension: &dyn Fn(&str) -> Result<Dimension, String>,
) -> Result<Filter, String> {
    if BYTES_MAX < text.len() {
        return Err(format!("{} bytes long, at most {BYTES_MAX} are allowed", text.len()));
    }
    let mut reader = Reader { text, rest: text, last: text, dimension };
    let filter = reader.any(0)?;
    match reader.next()? {
        Token::End => filter.check(),
        other => Err(reader.expected("\"and\" or \"or\"", &other)),
    }
}

struct Reader<'a> {
    text: &'a str,
    rest: &'a str,
    /// From the beginning of the token that was read last.
    last: &'a str,
    dimension: &'a dyn Fn(&str) -> Result<Dimension, String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    Quoted(String),
    Sign(&'static str),
    End,
}

/// Longer ones first.
const SIGNS: [&str; 7] = ["!=", "^=", "=", "~", "(", ")", ","];

impl Reader<'_> {
    /// Conditions with `or` between them, which binds less than `and`.
    fn any(&mut self, depth: usize) -> Result<Filter, String> {
        let mut parts = vec![self.all(depth)?];
        while self.takes_word("or")? {
            parts.push(self.all(depth)?);
        }
        Ok(join(parts, true))
    }

    fn all(&mut self, depth: usize) -> Result<Filter, String> {
        let mut parts = vec![self.one(depth)?];
        while self.takes_word("and")? {
            parts.push(self.one(depth)?);
        }
        Ok(join(parts, false))
    }

    fn one(&mut self, depth: usize) -> Result<Filter, String> {
        if DEPTH_MAX <= depth {
            return Err(format!("nested deeper than {DEPTH_MAX}"));
        }
        let deeper = depth.saturating_add(1);
        match self.next()? {
            Token::Sign("(") => {
                let inner = self.any(deeper)?;
                self.sign(")")?;
                Ok(inner)
            }
            Token::Word(word) if word.eq_ignore_ascii_case("not") => {
                Ok(Filter::Not(Box::new(self.one(deeper)?)))
            }
            Token::Word(word) | Token::Quoted(word) => {
                let dimension = (self.dimension)(&word)?;
                self.comparison(dimension)
            }
            other => Err(self.expected("a dimension", &other)),
        }
    }

    fn comparison(&mut self, dimension: Dimension) -> Result<Filter, String> {
        let not = |term: Filter| Filter::Not(Box::new(term));
        let term = |test: Test| Filter::Term(Term { dimension: dimension.clone(), test });
        match self.next()? {
            Token::Sign("=") => Ok(term(Test::In(vec![self.value(&dimension)?]))),
            Token::Sign("!=") => Ok(not(term(Test::In(vec![self.value(&dimension)?])))),
            Token::Sign("~") => Ok(term(Test::Contains(self.word("a text")?))),
            Token::Sign("^=") => Ok(term(Test::StartsWith(self.word("a text")?))),
            Token::Word(word) if word.eq_ignore_ascii_case("in") => {
                Ok(term(Test::In(self.values(&dimension)?)))
            }
            Token::Word(word) if word.eq_ignore_ascii_case("not") => match self.takes_word("in")? {
                true => Ok(not(term(Test::In(self.values(&dimension)?)))),
                false => self.next().and_then(|next| Err(self.expected("\"in\"", &next))),
            },
            Token::Word(word) if word.eq_ignore_ascii_case("is") => {
                let negated = self.takes_word("not")?;
                match self.takes_word("empty")? {
                    true if negated => Ok(not(term(Test::IsEmpty))),
                    true => Ok(term(Test::IsEmpty)),
                    false => self.next().and_then(|next| Err(self.expected("\"empty\"", &next))),
                }
            }
            other => Err(self.expected("one of = != ~ ^= in, not in, is empty", &other)),
        }
    }

    fn values(&mut self, dimension: &Dimension) -> Result<Vec<String>, String> {
        self.sign("(")?;
        let mut values = vec![self.value(dimension)?];
        // Ends with the text: each round reads at least a sign.
        loop {
            match self.next()? {
                Token::Sign(",") => values.push(self.value(dimension)?),
                Token::Sign(")") => return Ok(values),
                other => return Err(self.expected("\",\" or \")\"", &other)),
            }
        }
    }

    fn value(&mut self, dimension: &Dimension) -> Result<String, String> {
        let value = self.word("a value")?;
        read_value(dimension, value)
    }

    fn word(&mut self, what: &str) -> Result<String, String> {
        match self.next()? {
            Token::Word(word) | Token::Quoted(word) => Ok(word),
            other => Err(self.expected(what, &other)),
        }
    }

    fn sign(&mut self, sign: &'static str) -> Result<(), String> {
        match self.next()? {
            Token::Sign(found) if found == sign => Ok(()),
            other => Err(self.expected(&format!("{sign:?}"), &other)),
        }
    }

    /// Takes this word if it comes next.
    fn takes_word(&mut self, wanted: &str) -> Result<bool, String> {
        let before = self.rest;
        let found = matches!(self.next()?, Token::Word(word) if word.eq_ignore_ascii_case(wanted));
        if !found {
            self.rest = before;
        }
        Ok(found)
    }

    fn next(&mut self) -> Result<Token, String> {
        self.rest = self.rest.trim_start();
        self.last = self.rest;
        let Some(first) = self.rest.chars().next() else {
            return Ok(Token::End);
        };
        if let Some(sign) = SIGNS.into_iter().find(|sign| self.rest.starts_with(sign)) {
            self.rest = self.rest.get(sign.len()..).unwrap_or_default();
            return Ok(Token::Sign(sign));
        }
        if first == '"' {
            return self.quoted();
        }
        let end = self.rest.find(|letter| !is_plain(letter)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
        if word.is_empty() {
            return Err(format!("{} has no meaning here{}", quote(&first.to_string()), self.place()));
        }
        self.rest = rest;
        Ok(Token::Word(word.to_owned()))
    }

    /// A text in quotes; a backslash takes the next letter as it is.
    fn quoted(&mut self) -> Result<Token, String> {
        let mut text = String::new();
        let mut letters = self.rest.get(1..).unwrap_or_default().chars();
        loop {
            match letters.next() {
                Some('"') => break,
                Some('\\') => text.extend(letters.next()),
                Some(letter) => text.push(letter),
                None => return Err(format!("the quotes are not closed{}", self.place())),
            }
        }
        self.rest = letters.as_str();
        Ok(Token::Quoted(text))
    }

    fn expected(&self, what: &str, found: &Token) -> String {
        match found {
            Token::End => format!("{what} is expected at the end"),
            Token::Word(word) | Token::Quoted(word) => {
                format!("{what} is expected, not {}{}", quote(word), self.place())
            }
            Token::Sign(sign) => format!("{what} is expected, not {}{}", quote(sign), self.place()),
        }
    }

    /// Where the token stands that was read last.
    fn place(&self) -> String {
        let bytes = self.text.len().saturating_sub(self.last.len());
        let before = self.text.get(..bytes).unwrap_or_default().chars().count();
        format!(" (at character {})", before.saturating_add(1))
    }
}
