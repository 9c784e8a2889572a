//! An answer that is made piece by piece while it is sent: a hundred thousand lines never stand in memory as text.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use http_body::Frame;

/// Gives the next piece; each is small enough to hold up nobody.
type Next = Box<dyn FnMut() -> Option<Bytes> + Send>;

struct Streamed(Next);

pub fn body(next: impl FnMut() -> Option<Bytes> + Send + 'static) -> Body {
    Body::new(Streamed(Box::new(next)))
}

impl HttpBody for Streamed {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready((self.0)().map(|piece| Ok(Frame::data(piece))))
    }
}
