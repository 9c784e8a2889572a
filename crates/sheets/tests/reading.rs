//! Delimited text: what is read, and what is refused with its line.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::fmt::Write;

use proofback_sheets::{Fault, ReadOptions, Sheet, read};

fn sheet(bytes: &[u8]) -> Sheet {
    read(bytes, &ReadOptions::default()).unwrap()
}

fn cells(bytes: &[u8]) -> Vec<Vec<String>> {
    cells_of(&sheet(bytes))
}

fn cells_of(sheet: &Sheet) -> Vec<Vec<String>> {
    std::iter::once(sheet.header.clone()).chain(sheet.lines.iter().map(|line| line.cells.clone())).collect()
}

fn told(faults: &[Fault]) -> Vec<String> {
    faults.iter().map(ToString::to_string).collect()
}

fn faults_with(bytes: &[u8], options: &ReadOptions) -> Vec<String> {
    told(&read(bytes, options).unwrap_err())
}

fn faults(bytes: &[u8]) -> Vec<String> {
    faults_with(bytes, &ReadOptions::default())
}

fn encoded(encoding: &str) -> ReadOptions {
    ReadOptions { encoding: Some(encoding.into()), ..ReadOptions::default() }
}

#[test]
fn the_delimiter_that_gives_the_header_the_most_cells_is_taken() {
    for text in
        ["a,b\n1,2", "a;b\n1;2", "a\tb\n1\t2", "a|b\n1|2", "sep=;\na;b\n1;2", "sep=^\r\na^b\r\n1^2\r\n"]
    {
        assert_eq!(cells(text.as_bytes()), [["a", "b"], ["1", "2"]], "{text:?}");
    }
    assert_eq!(
        cells(
            b"a,b;c;d
1;2,3;4"
        ),
        [["a,b", "c", "d"], ["1", "2,3", "4"]]
    );
    assert_eq!(cells(b"\"a,b,c\";d\n1;2"), [["a,b,c", "d"], ["1", "2"]]);
    assert_eq!(cells(b"a,b;c\n1,2"), [["a", "b;c"], ["1", "2"]], "the first of those with as many");
    assert_eq!(cells(b"a\n1"), [["a"], ["1"]]);
    assert_eq!(cells(b"\n;;\na;b\n1,2;3"), [["a", "b"], ["1,2", "3"]], "a line of delimiters is empty");
    assert_eq!(cells(b"\"\"\"\"\n1\t\n"), [["\""], ["1"]], "a header may be a quote");
}

#[test]
fn a_named_delimiter_outweighs_the_guess_and_the_hint() {
    let options = ReadOptions { delimiter: Some(';'), ..ReadOptions::default() };
    assert_eq!(cells_of(&read(b"a,b,c;d\n1;2", &options).unwrap()), [["a,b,c", "d"], ["1", "2"]]);
    assert_eq!(cells_of(&read(b"sep=,\na,b,c;d\n1;2", &options).unwrap()), [["a,b,c", "d"], ["1", "2"]]);
    for bad in ['"', '\n', 'x', '0'] {
        let options = ReadOptions { delimiter: Some(bad), ..ReadOptions::default() };
        assert_eq!(faults_with(b"a\n1", &options), [format!("{bad:?} cannot be a delimiter")]);
    }
}

#[test]
fn lines_are_those_of_the_file() {
    let text = b"sep=,\r\n\r\na,b\r\n\"1\r\n1\",\"2\"\"\n\"\r\n,\r\n3,4\r5,6\n7,8";
    let numbers: Vec<usize> = sheet(text).lines.iter().map(|line| line.number).collect();
    assert_eq!(numbers, [4, 8, 9, 10]);
    assert_eq!(sheet(text).lines[0].cells, ["1\r\n1", "2\""]);
}

#[test]
fn cells_are_trimmed_and_exports_get_back_what_they_were() {
    let text = b" a , b \n  1\t,\" 2 \" \n'=x,'y\n' -3,''@z\n";
    assert_eq!(cells(text), [["a", "b"], ["1", "2"], ["=x", "'y"], ["-3", "'@z"]]);
}

#[test]
fn byte_order_marks_say_what_a_file_is_in() {
    let utf16 = |bytes_of: fn(u16) -> [u8; 2], text: &str| -> Vec<u8> {
        text.encode_utf16().flat_map(bytes_of).collect()
    };
    let text = "\u{feff}näme;b\n1€;🦀\n";
    let expected = [["näme", "b"], ["1€", "🦀"]];
    assert_eq!(cells(text.as_bytes()), expected);
    assert_eq!(cells(&utf16(u16::to_le_bytes, text)), expected);
    assert_eq!(cells(&utf16(u16::to_be_bytes, text)), expected);
    let named = read(text.as_bytes(), &encoded("windows-1252")).unwrap();
    assert_eq!(cells_of(&named), expected, "the mark outweighs the name");
    let unmarked = utf16(u16::to_le_bytes, text.trim_start_matches('\u{feff}'));
    assert_eq!(cells_of(&read(&unmarked, &encoded("utf-16le")).unwrap()), expected);
    assert!(faults(&utf16(u16::to_le_bytes, "a;b\n1;2\n"))[0].contains("UTF-16"));
}

#[test]
fn what_is_not_utf_8_must_be_named() {
    let text = b"name\nplain\nm\xfcller \x80\n";
    let asked = "line 3: not UTF-8: name the encoding of the file, for example windows-1252";
    assert_eq!(faults(text), [asked]);
    let named = read(text, &encoded("Windows-1252")).unwrap();
    assert_eq!(named.lines[1].cells, ["müller €"]);
    let asked = "line 3: not EUC-KR: name the encoding in which the file was written";
    assert_eq!(faults_with(b"name\r\nplain\r\n\xff\xff\n", &encoded("euc-kr")), [asked]);
    assert!(faults_with(text, &encoded("klingon"))[0].contains("\"klingon\" is not known"));
    assert!(faults_with(text, &encoded("utf-8"))[0].starts_with("line 3: not UTF-8"));
    assert!(faults(b"\xff\xfea\x00\n\x00\x00\xd8\n\x00")[0].starts_with("line 2: not UTF-16LE"));
}

#[test]
fn a_quote_that_nothing_closes_is_told_where_it_opened() {
    let unclosed = "line 3: a quote is opened here that is never closed";
    assert_eq!(faults(b"a,b\n1,2\n3,\"4\n5,6\n7,8\n"), [unclosed]);
    let after = "line 3: something follows a closing quote: a quote within quotes is written twice";
    assert_eq!(faults(b"a,b\n1,2\n\"3\"x,4\n5\n"), [after, "line 4: 1 cell where the header has 2"]);
    assert_eq!(cells(b"a,b\n1\"2,\"\"\"\"\n"), [["a", "b"], ["1\"2", "\""]]);
}

#[test]
fn a_line_of_another_width_is_told_with_both_counts() {
    assert_eq!(
        faults(b"a,b\n1\n1,2\n1,2,3\n\n1,2,\n"),
        [
            "line 2: 1 cell where the header has 2",
            "line 4: 3 cells where the header has 2",
            "line 6: 3 cells where the header has 2"
        ]
    );
}

#[test]
fn a_hundred_faults_are_enough() {
    let text = format!("a,b\n{}", "1\n".repeat(100));
    assert_eq!(faults(text.as_bytes()).len(), 100);
    let text = format!("a,b\n{}", "1\n".repeat(5_000));
    let told = faults(text.as_bytes());
    assert_eq!(told.len(), 101);
    assert_eq!(told[100], "there are more faults than these 100; reading stopped here");
}

#[test]
fn a_header_names_each_column_once() {
    assert_eq!(faults(b"a,b, a\n1,2,3\n"), ["line 1: the header names \"a\" twice"]);
    assert_eq!(faults(b"\na,,b\n1,2,3\n"), ["line 2: column 2 of the header has no name"]);
    assert_eq!(cells(b"a,b,,\n1,2,,\n3,4\n"), [["a", "b"], ["1", "2"], ["3", "4"]]);
    assert_eq!(faults(b"a,b,\n1,2,3\n1,2,,\n")[0], "line 2: column 3 has no name in the header");
}

#[test]
fn a_table_has_a_header_and_a_line() {
    let empty = "the table is empty: a first line with the names of its columns is expected";
    for text in ["", "\n\n", "\u{feff}", ",,\n", "  \n", "sep=;\n"] {
        assert_eq!(faults(text.as_bytes()), [empty], "{text:?}");
    }
    for text in ["a,b", "a,b\n\n,\n"] {
        assert_eq!(faults(text.as_bytes()), ["there is no line below the header"], "{text:?}");
    }
}

#[test]
fn control_characters_are_told() {
    let told = faults(b"a\n1\x002\n\x1b\nfine\n");
    assert_eq!(told.len(), 2);
    assert!(told[0].starts_with("line 2: a control character (U+0000)"), "{told:?}");
    assert!(told[1].starts_with("line 3: a control character (U+001B)"), "{told:?}");
}

#[test]
fn everything_has_a_bound() {
    let row = |cell: &str, count: usize| vec![cell; count].join(",");
    let mut wide = (0..200).map(|index| format!("c{index}")).collect::<Vec<_>>().join(",");
    assert_eq!(sheet(format!("{wide}\n{}\n", row("x", 200)).as_bytes()).header.len(), 200);
    assert_eq!(faults(format!("{wide}\n{}\n", row("x", 300)).as_bytes()), ["line 2: more than 200 columns"]);
    wide.push_str(",last");
    assert_eq!(faults(format!("{wide}\n").as_bytes()), ["line 1: more than 200 columns"]);
    let long = "ä".repeat(32_768);
    assert_eq!(sheet(format!("a\n{long}\n").as_bytes()).lines[0].cells[0], long);
    let told = faults(format!("a\n{long}x\n").as_bytes());
    assert_eq!(told, ["line 2: a cell of more than 32768 characters"]);
    let mut bytes = vec![b'\n'; 64 << 20];
    assert!(faults(&bytes)[0].starts_with("the table is empty"));
    bytes.push(b'\n');
    assert_eq!(faults(&bytes), ["the file is larger than 64 MiB"]);
}

#[test]
fn a_million_lines_are_taken_and_no_more() {
    let mut text = String::from("a\n");
    for number in 0..1_000_000 {
        writeln!(text, "{number}").unwrap();
    }
    assert_eq!(sheet(text.as_bytes()).lines.len(), 1_000_000);
    text.push_str("one more\n");
    assert_eq!(faults(text.as_bytes()), ["line 1000002: more than 1000000 lines"]);
}

#[test]
fn old_and_encrypted_workbooks_are_told_from_text() {
    assert!(faults(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")[0].contains("save it as XLSX"));
}
