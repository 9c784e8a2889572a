//! An outbound request as it is built, before anybody connects.

/// How a request is made; nothing else goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    Get,
    Post,
}

#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    pub verb: Verb,
    pub url: String,
    /// Name and value, in their order, without line breaks.
    pub headers: Vec<(String, String)>,
    /// Empty with [`Verb::Get`].
    pub body: String,
}

impl Verb {
    pub fn code(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

impl Request {
    /// A GET without headers of its own.
    pub fn get(url: impl Into<String>) -> Self {
        Self { verb: Verb::Get, url: url.into(), headers: Vec::new(), body: String::new() }
    }
}

/// Its address and headers can hold secrets.
impl std::fmt::Debug for Request {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Request({}, {} bytes)", self.verb.code(), self.body.len())
    }
}
