//! Text from bytes. A byte that cannot be read is a fault: a wrong character in a reference or an amount
//! is found by nobody later.

use std::borrow::Cow;

use encoding_rs::{DecoderResult, Encoding, UTF_8};

use crate::fault::Fault;

/// Reads UTF-8, what a byte order mark says, or the encoding that was named.
pub(crate) fn decode<'a>(bytes: &'a [u8], named: Option<&str>) -> Result<Cow<'a, str>, Fault> {
    let named_encoding = match named {
        Some(label) => Some(find(label)?),
        None => None,
    };
    // The mark is part of the file, the name is somebody's belief about it; the Encoding Standard agrees.
    let (encoding, body) = match Encoding::for_bom(bytes) {
        Some((marked, mark_bytes)) => (marked, bytes.get(mark_bytes..).unwrap_or_default()),
        None => (named_encoding.unwrap_or(UTF_8), bytes),
    };
    if encoding == UTF_8 {
        return std::str::from_utf8(body).map(Cow::Borrowed).map_err(|error| {
            let line = line_after(body.get(..error.valid_up_to()).unwrap_or_default());
            let message = "not UTF-8: name the encoding of the file, for example windows-1252";
            Fault::at(line, message)
        });
    }
    decode_as(encoding, body).map(Cow::Owned)
}

fn find(label: &str) -> Result<&'static Encoding, Fault> {
    Encoding::for_label_no_replacement(label.as_bytes()).ok_or_else(|| {
        let message = format!("the encoding {label:?} is not known; windows-1252 and utf-16le are examples");
        Fault::of_file(message)
    })
}

fn decode_as(encoding: &'static Encoding, bytes: &[u8]) -> Result<String, Fault> {
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let length_max = decoder.max_utf8_buffer_length_without_replacement(bytes.len());
    let mut text = String::with_capacity(length_max.unwrap_or(bytes.len()));
    match decoder.decode_to_string_without_replacement(bytes, &mut text, true) {
        (DecoderResult::InputEmpty, _) => Ok(text),
        (DecoderResult::Malformed(..) | DecoderResult::OutputFull, _) => {
            let message = format!("not {}: name the encoding in which the file was written", encoding.name());
            Err(Fault::at(line_after(text.as_bytes()), message))
        }
    }
}

/// The line on which text stands that follows this: one more than the line ends in it.
pub(crate) fn line_after(before: &[u8]) -> usize {
    1 + line_ends(before)
}

/// CR LF, LF and CR each end a line.
pub(crate) fn line_ends(text: &[u8]) -> usize {
    let ends = text.iter().filter(|byte| matches!(**byte, b'\n' | b'\r')).count();
    ends - text.windows(2).filter(|pair| *pair == b"\r\n").count()
}
