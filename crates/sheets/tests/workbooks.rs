//! XLSX workbooks: what is read of them, and what hostile ones cost.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::io::{Cursor, Read, Write};

use proofback_sheets::{Cell, Column, Kind, ReadOptions, Sheet, Table, read, xlsx};
use rust_xlsxwriter::{ExcelDateTime, Format, Formula, Workbook, Worksheet};
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

fn workbook(write: impl Fn(&mut Worksheet)) -> Vec<u8> {
    let mut workbook = Workbook::new();
    write(workbook.add_worksheet());
    workbook.save_to_buffer().unwrap()
}

fn sheet(bytes: &[u8]) -> Sheet {
    read(bytes, &ReadOptions::default()).unwrap()
}

fn column(write: impl Fn(&mut Worksheet)) -> Vec<String> {
    let bytes = workbook(|sheet| {
        sheet.write_string(0, 0, "a").unwrap();
        write(sheet);
    });
    sheet(&bytes).lines.into_iter().map(|line| line.cells.concat()).collect()
}

fn faults(bytes: &[u8]) -> Vec<String> {
    faults_of(bytes, None)
}

fn faults_of(bytes: &[u8], name: Option<&str>) -> Vec<String> {
    let options = ReadOptions { sheet: name.map(Into::into), ..ReadOptions::default() };
    read(bytes, &options).unwrap_err().iter().map(ToString::to_string).collect()
}

/// The workbook with another text in one of its parts.
fn tampered(bytes: &[u8], name: &str, change: impl Fn(&str) -> String) -> Vec<u8> {
    let mut from = ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut to = ZipWriter::new(Cursor::new(Vec::new()));
    for index in 0..from.len() {
        let mut part = from.by_index(index).unwrap();
        let mut text = String::new();
        part.read_to_string(&mut text).unwrap();
        let part_name = part.name().unwrap().to_string();
        if part_name == name {
            let changed = change(&text);
            assert_ne!(changed, text);
            text = changed;
        }
        to.start_file(part_name, SimpleFileOptions::default()).unwrap();
        to.write_all(text.as_bytes()).unwrap();
    }
    to.finish().unwrap().into_inner()
}

fn small() -> Vec<u8> {
    workbook(|sheet| {
        sheet.write_string(0, 0, "a").unwrap();
        sheet.write_string(1, 0, "x").unwrap();
        sheet.write_string(2, 0, "y").unwrap();
    })
}

const SHEET: &str = "xl/worksheets/sheet1.xml";
const TEXTS: &str = "xl/sharedStrings.xml";
const BROKEN: &str = "the workbook cannot be read: it is damaged or no XLSX file";

#[test]
fn numbers_have_the_digits_that_excel_shows() {
    for (number, text) in [
        (120.5, "120.5"),
        (0.1 + 0.2, "0.3"),
        (1e15, "1000000000000000"),
        (1e22, "10000000000000000000000"),
        (9_007_199_254_740_991.0, "9007199254740991"),
        (3.0, "3"),
        (-0.5, "-0.5"),
        (-0.0, "0"),
        (1e-9, "0.000000001"),
        (4.35 * 100.0, "435"),
        (1.005 * 1000.0, "1005"),
        (123_456_789.123_456, "123456789.123456"),
    ] {
        let found = column(|sheet| {
            sheet.write_number(1, 0, number).unwrap();
        });
        assert_eq!(found, [text], "{number}");
    }
}

#[test]
fn dates_are_those_of_rfc_3339() {
    let date = |format: &str, value: f64| {
        column(|sheet| {
            let format = Format::new().set_num_format(format);
            sheet.write_number_with_format(1, 0, value, &format).unwrap();
        })
    };
    let day = ExcelDateTime::from_ymd(2026, 11, 20).unwrap();
    assert_eq!(date("yyyy-mm-dd", day.to_excel()), ["2026-11-20"]);
    let time = ExcelDateTime::from_ymd(2026, 11, 20).unwrap().and_hms(13, 5, 0).unwrap();
    assert_eq!(date("dd.mm.yyyy hh:mm", time.to_excel()), ["2026-11-20T13:05:00"]);
    let precise = ExcelDateTime::from_ymd(2026, 11, 20).unwrap().and_hms_milli(13, 5, 0, 250).unwrap();
    assert_eq!(date("yyyy-mm-dd hh:mm:ss.000", precise.to_excel()), ["2026-11-20T13:05:00.25"]);
    assert_eq!(date("hh:mm", 0.545_138_888_888_889), ["13:05:00"]);
    assert_eq!(date("[h]:mm", 1.5), ["36:00:00"]);
}

#[test]
fn a_date_that_never_was_is_told_with_its_cell() {
    for value in [60.0, -1.0] {
        let bytes = workbook(|sheet| {
            let format = Format::new().set_num_format("yyyy-mm-dd");
            sheet.write_string(0, 0, "a").unwrap();
            sheet.write_number_with_format(1, 0, value, &format).unwrap();
        });
        assert_eq!(faults(&bytes), ["line 2: cell A2 is no date that Excel could show"]);
    }
}

#[test]
fn booleans_and_results_of_formulas_are_what_they_show() {
    let found = column(|sheet| {
        sheet.write_boolean(1, 0, true).unwrap();
        sheet.write_boolean(2, 0, false).unwrap();
        sheet.write_formula(3, 0, Formula::new("=1+1").set_result("2")).unwrap();
    });
    assert_eq!(found, ["true", "false", "2"]);
}

#[test]
fn an_error_is_told_with_its_cell() {
    let bytes = tampered(&small(), SHEET, |xml| {
        xml.replace(r#"<c r="A3" t="s"><v>2</v></c>"#, r##"<c r="A3" t="e"><v>#DIV/0!</v></c>"##)
    });
    assert_eq!(faults(&bytes), ["line 3: cell A3 is an error of the workbook: #DIV/0!"]);
}

#[test]
fn a_line_ends_where_its_cells_end_and_formats_are_no_cells() {
    let bytes = workbook(|sheet| {
        let bold = Format::new().set_bold();
        for (column, name) in ["a", "b", "c"].into_iter().enumerate() {
            sheet.write_string(2, u16::try_from(column).unwrap(), name).unwrap();
        }
        sheet.write_blank(2, 3_000, &bold).unwrap();
        sheet.write_string(3, 0, "1").unwrap();
        sheet.write_string(5, 1, " '=2 ").unwrap();
        sheet.write_string(6, 1, "'=3").unwrap();
        sheet.write_blank(900_000, 0, &bold).unwrap();
    });
    let sheet = sheet(&bytes);
    assert_eq!(sheet.header, ["a", "b", "c"]);
    let lines: Vec<(usize, String)> =
        sheet.lines.iter().map(|line| (line.number, line.cells.join("|"))).collect();
    assert_eq!(lines, [(4, "1||".into()), (6, "|'=2|".into()), (7, "|=3|".into())]);
}

#[test]
fn a_cell_beyond_the_header_is_told() {
    let write = |column: u16| {
        workbook(|sheet| {
            sheet.write_string(0, 0, "a").unwrap();
            sheet.write_string(1, 0, "1").unwrap();
            sheet.write_string(1, column, "x").unwrap();
        })
    };
    assert_eq!(faults(&write(2)), ["line 2: 3 cells where the header has 1"]);
    assert_eq!(faults(&write(16_000)), ["line 2: more than 200 columns"]);
}

#[test]
fn the_first_visible_sheet_is_read_unless_one_is_named() {
    let mut workbook = Workbook::new();
    for (name, hidden) in [("hidden", true), ("first", false), ("second", false)] {
        let sheet = workbook.add_worksheet();
        sheet.set_name(name).unwrap().write_string(0, 0, "a").unwrap();
        sheet.write_string(1, 0, name).unwrap().set_hidden(hidden);
        sheet.set_active(name == "first");
    }
    let bytes = workbook.save_to_buffer().unwrap();
    let named = |name: Option<&str>| {
        let options = ReadOptions { sheet: name.map(Into::into), ..ReadOptions::default() };
        read(&bytes, &options).unwrap().lines[0].cells[0].clone()
    };
    assert_eq!(named(None), "first");
    assert_eq!(named(Some("second")), "second");
    assert_eq!(named(Some("hidden")), "hidden");
    let told = r#"there is no sheet "third"; the workbook has ["hidden", "first", "second"]"#;
    assert_eq!(faults_of(&bytes, Some("third")), [told]);
}

#[test]
fn an_empty_sheet_and_a_lone_header_are_told() {
    assert!(faults(&workbook(|_| {}))[0].starts_with("the table is empty"));
    let bytes = workbook(|sheet| {
        sheet.write_string(0, 0, "a").unwrap();
    });
    assert_eq!(faults(&bytes), ["there is no line below the header"]);
}

#[test]
fn what_is_no_workbook_is_told() {
    assert_eq!(faults(b"PK\x03\x04"), [BROKEN]);
    let mut other = ZipWriter::new(Cursor::new(Vec::new()));
    other.start_file("readme.txt", SimpleFileOptions::default()).unwrap();
    let other = other.finish().unwrap().into_inner();
    assert_eq!(faults(&other).len(), 1);
    let whole = small();
    for cut in [10, 100, whole.len() / 2, whole.len() - 1] {
        assert_eq!(faults(&whole[..cut]), [BROKEN], "{cut}");
    }
}

#[test]
fn cells_out_of_order_are_told() {
    let bytes = tampered(&small(), SHEET, |xml| xml.replace("A3", "A1").replace(r#"r="3""#, r#"r="1""#));
    assert_eq!(faults(&bytes), ["line 1: the cells of the workbook are out of order"]);
    let bytes = tampered(&small(), SHEET, |xml| xml.replace("A3", "A2").replace(r#"r="3""#, r#"r="2""#));
    assert_eq!(faults(&bytes), ["line 2: the cells of the workbook are out of order"]);
}

#[test]
fn a_count_that_no_file_could_hold_sets_no_memory_aside() {
    for count in ["18446744073709551615", "999999999999", "-1", "x", "1000"] {
        let bytes = tampered(&small(), TEXTS, |xml| {
            xml.replace(r#"uniqueCount="3""#, &format!(r#"uniqueCount="{count}""#))
        });
        assert_eq!(faults(&bytes), [BROKEN], "{count}");
    }
}

#[test]
fn a_panic_of_the_library_is_a_file_that_cannot_be_read() {
    let bytes = tampered(&small(), SHEET, |xml| xml.replace(r#"r="A3""#, r#"r="A99999999999999999999""#));
    // Without overflow checks the position is some other one, which is out of order or of no matter.
    if let Err(faults) = read(&bytes, &ReadOptions::default()) {
        assert_eq!(faults.len(), 1);
    }
}

#[test]
fn a_few_bytes_that_unpack_to_gigabytes_are_refused() {
    let mut bomb = ZipWriter::new(Cursor::new(Vec::new()));
    let megabyte = vec![b' '; 1 << 20];
    for part in 0..3 {
        bomb.start_file(format!("part{part}"), SimpleFileOptions::default().compression_level(Some(1)))
            .unwrap();
        for _ in 0..172 {
            bomb.write_all(&megabyte).unwrap();
        }
    }
    let bomb = bomb.finish().unwrap().into_inner();
    assert!(bomb.len() < 8 << 20);
    assert_eq!(faults(&bomb), ["the workbook unpacks to more than 512 MiB"]);
}

#[test]
fn an_archive_of_very_many_parts_is_refused() {
    let mut bytes = b"PK\x03\x04".to_vec();
    bytes.extend(b"PK\x01\x02".repeat(10_001));
    assert_eq!(faults(&bytes), ["the workbook has too many parts"]);
}

#[test]
fn an_export_is_read_again() {
    let table = Table {
        title: "Conversions".into(),
        columns: [("id", Kind::Text), ("amount", Kind::Amount), ("count", Kind::Integer), ("at", Kind::Time)]
            .map(|(name, kind)| Column { name: name.into(), kind })
            .into(),
        rows: vec![
            vec![
                Cell::Text("=1".into()),
                Cell::Amount("-12.50".into()),
                Cell::Integer(-3),
                Cell::Time("2026-11-20T13:05:00Z".into()),
            ],
            vec![Cell::Empty, Cell::Amount("12345678901234567.890".into()), Cell::Integer(i64::MIN)],
        ],
    };
    let sheet = sheet(&xlsx(&[table]).unwrap());
    assert_eq!(sheet.lines[0].cells, ["=1", "-12.5", "-3", "2026-11-20T13:05:00Z"]);
    assert_eq!(sheet.lines[1].cells, ["", "12345678901234567.890", "-9223372036854775808", ""]);
}
