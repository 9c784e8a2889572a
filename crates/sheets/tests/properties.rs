//! What holds of every text and of every file.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::io::Cursor;

use calamine::{Data, Reader, Xlsx};
use proofback_sheets::{Cell, Column, Kind, Line, ReadOptions, Sheet, Table, csv, read, read_rates, xlsx};
use proptest::prelude::*;

/// Text that looks for trouble: beginnings of formulas, quotes, delimiters, line ends, blanks, any letter.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => proptest::sample::select(vec![
            "=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n", "\r\n", "'", "\"", "\"\"", ",", ";", "|",
            " ", "\u{a0}", "\u{feff}", "\u{2028}", "sep=", "1", "_x000D_", "&amp;", "<", "]]>",
        ]).prop_map(str::to_owned),
        2 => "[a-zA-Z0-9äß€🦀]{1,4}",
        1 => any::<char>().prop_filter("is told as a fault", |one| {
            // XML cannot hold the two that are no characters at all.
            !one.is_control() && !matches!(one, '\u{fffe}' | '\u{ffff}')
        }).prop_map(String::from),
    ];
    proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

fn rows(columns: usize) -> impl Strategy<Value = Vec<Vec<String>>> {
    let row = proptest::collection::vec(text(), columns);
    proptest::collection::vec(row, 1..6)
}

fn tables() -> impl Strategy<Value = (Vec<String>, Vec<Vec<String>>)> {
    (1..5usize).prop_flat_map(|columns| {
        let names = proptest::collection::vec(text(), columns);
        (names.prop_filter("a header names each column once", |names| named_once(names)), rows(columns))
    })
}

fn named_once(names: &[String]) -> bool {
    let mut trimmed: Vec<&str> = names.iter().map(|name| name.trim()).collect();
    trimmed.sort_unstable();
    trimmed.windows(2).all(|pair| pair[0] != pair[1]) && trimmed.iter().all(|name| !name.is_empty())
}

fn table(names: &[String], rows: &[Vec<String>]) -> Table {
    let columns = names.iter().map(|name| Column { name: name.clone(), kind: Kind::Text }).collect();
    let rows = rows.iter().map(|row| row.iter().cloned().map(Cell::Text).collect()).collect();
    Table { title: names.concat(), columns, rows }
}

/// What an import gives of such a table: no surrounding blanks, no line without a word.
fn trimmed(names: &[String], rows: &[Vec<String>]) -> (Vec<String>, Vec<Vec<String>>) {
    let trim = |row: &[String]| row.iter().map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    let rows = rows.iter().map(|row| trim(row)).filter(|row| row.iter().any(|cell| !cell.is_empty()));
    (trim(names), rows.collect())
}

fn cells(sheet: Sheet) -> (Vec<String>, Vec<Vec<String>>) {
    (sheet.header, sheet.lines.into_iter().map(|line| line.cells).collect())
}

/// Written down a second time, so that a mistake in the first would be seen.
fn would_run(cell: &str) -> bool {
    let shown = cell.trim_start_matches(['"', '\u{feff}']).trim_start_matches(' ');
    shown.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'])
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// A well-formed file of rates with something changed in it.
fn mutated_xml() -> impl Strategy<Value = Vec<u8>> {
    let whole = include_str!("rates/eurofxref-daily.xml");
    let pieces = proptest::sample::select(vec![
        "",
        "<",
        ">",
        "/>",
        "'",
        "\"",
        "&",
        "&lt;",
        "<Cube>",
        "</Cube>",
        "<!DOCTYPE a>",
        "<!--",
        "]]>",
        "\0",
        "é",
        "<Cube time='2026-11-20'>",
        "<Cube currency='USD' rate='1.2'/>",
        "<?xml?>",
        "<![CDATA[",
    ]);
    (0..whole.len(), 0..40usize, pieces).prop_map(move |(at, removed, piece)| {
        let end = (at + removed).min(whole.len());
        [&whole.as_bytes()[..at], piece.as_bytes(), &whole.as_bytes()[end..]].concat()
    })
}

proptest! {
    #![proptest_config(config(1_024))]

    #[test]
    fn an_export_as_csv_is_imported_as_the_same_text((names, rows) in tables()) {
        let bytes = csv(&[table(&names, &rows)]);
        let expected = trimmed(&names, &rows);
        match read(&bytes, &ReadOptions::default()) {
            Ok(sheet) => prop_assert_eq!(cells(sheet), expected),
            Err(faults) => prop_assert!(expected.1.is_empty(), "{:?}", faults),
        }
    }

    #[test]
    fn well_formed_text_is_read_as_the_csv_crate_reads_it((names, rows) in tables()) {
        let mut writer = ::csv::Writer::from_writer(Vec::new());
        // Marks of exports, of byte order and of delimiters are what that crate does not know.
        let plain = |cell: &String| format!("x{cell}");
        for row in std::iter::once(&names).chain(&rows) {
            writer.write_record(row.iter().map(plain)).unwrap();
        }
        let bytes = writer.into_inner().unwrap();
        let options = ReadOptions { delimiter: Some(','), ..ReadOptions::default() };
        let mut reader = ::csv::ReaderBuilder::new().has_headers(false).from_reader(bytes.as_slice());
        let theirs: Vec<Vec<String>> =
            reader.records().map(|line| line.unwrap().iter().map(|cell| cell.trim().to_owned()).collect()).collect();
        let (header, lines) = cells(read(&bytes, &options).unwrap());
        let ours: Vec<Vec<String>> = std::iter::once(header).chain(lines).collect();
        prop_assert_eq!(ours, theirs);
    }

    #[test]
    fn no_cell_of_an_exported_csv_would_run((names, rows) in tables()) {
        let tables = [table(&names, &rows), table(&names, &rows)];
        let bytes = csv(&tables);
        prop_assert!(!bytes.starts_with(b"\xef\xbb\xbf"));
        let mut reader =
            ::csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bytes.as_slice());
        for line in reader.records() {
            for cell in &line.unwrap() {
                prop_assert!(!would_run(cell), "{:?}", cell);
            }
        }
    }

    #[test]
    fn reading_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        for encoding in [None, Some("windows-1252"), Some("utf-16le"), Some("iso-2022-jp")] {
            let options = ReadOptions { encoding: encoding.map(Into::into), ..ReadOptions::default() };
            if let Ok(Sheet { header, lines }) = read(&bytes, &options) {
                prop_assert!(lines.iter().all(|line: &Line| line.cells.len() == header.len()));
            }
        }
        prop_assert!(read_rates(&bytes).is_err());
    }

    #[test]
    fn reading_text_never_panics_and_every_line_has_the_width_of_the_header(
        pieces in proptest::collection::vec(text(), 0..20)
    ) {
        if let Ok(Sheet { header, lines }) = read(pieces.concat().as_bytes(), &ReadOptions::default()) {
            prop_assert!(lines.iter().all(|line| line.cells.len() == header.len()));
        }
    }

    #[test]
    fn a_changed_file_of_rates_never_panics_and_never_gives_a_rate_that_is_none(bytes in mutated_xml()) {
        for rate in read_rates(&bytes).unwrap_or_default() {
            prop_assert!(rate.rate.bytes().all(|one| one.is_ascii_digit() || one == b'.'), "{:?}", rate);
            prop_assert_eq!(rate.base.as_str(), "EUR");
            prop_assert_eq!(rate.day.len(), 10);
        }
    }
}

proptest! {
    #![proptest_config(config(256))]

    #[test]
    fn an_export_as_a_workbook_is_imported_as_the_same_text((names, rows) in tables()) {
        let bytes = xlsx(&[table(&names, &rows)]).unwrap();
        let expected = trimmed(&names, &rows);
        match read(&bytes, &ReadOptions::default()) {
            Ok(sheet) => prop_assert_eq!(cells(sheet), expected),
            Err(faults) => prop_assert!(expected.1.is_empty(), "{:?}", faults),
        }
    }

    #[test]
    fn no_cell_of_an_exported_workbook_would_run((names, rows) in tables()) {
        let mut workbook = Xlsx::new(Cursor::new(xlsx(&[table(&names, &rows)]).unwrap())).unwrap();
        let name = workbook.sheet_names().remove(0);
        prop_assert!(!would_run(&name));
        prop_assert!(workbook.worksheet_formula(&name).unwrap().is_empty());
        for (_, _, cell) in workbook.worksheet_range(&name).unwrap().cells() {
            match cell {
                Data::String(text) => prop_assert!(!would_run(text), "{:?}", text),
                Data::Empty => {}
                other => prop_assert!(false, "no text: {:?}", other),
            }
        }
    }

    #[test]
    fn a_damaged_workbook_never_panics(at in 0..6_000usize, byte in any::<u8>(), cut in any::<bool>()) {
        let names = ["a".to_owned()];
        let mut bytes = xlsx(&[table(&names, &[names.to_vec()])]).unwrap();
        let at = at % bytes.len();
        bytes[at] = byte;
        if cut {
            bytes.truncate(at + 1);
        }
        if let Ok(sheet) = read(&bytes, &ReadOptions::default()) {
            prop_assert_eq!(cells(sheet), (names.to_vec(), vec![names.to_vec()]));
        }
    }
}
