//! Exports: numbers are numbers, text is text, and nothing runs.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::io::Cursor;

use calamine::{Data, Reader, Xlsx};
use proofback_sheets::{Cell, Column, Kind, Table, WriteError, csv, xlsx};

fn table(title: &str, names: &[&str], rows: Vec<Vec<Cell>>) -> Table {
    let columns = names.iter().map(|name| Column { name: (*name).into(), kind: Kind::Text }).collect();
    Table { title: title.into(), columns, rows }
}

fn text(text: &str) -> Cell {
    Cell::Text(text.into())
}

fn amount(amount: &str) -> Cell {
    Cell::Amount(amount.into())
}

fn written(tables: &[Table]) -> String {
    String::from_utf8(csv(tables)).unwrap()
}

fn open(tables: &[Table]) -> Xlsx<Cursor<Vec<u8>>> {
    Xlsx::new(Cursor::new(xlsx(tables).unwrap())).unwrap()
}

/// The cells below the header of a table with one column.
fn column(cells: &[Cell]) -> Vec<Data> {
    let rows = cells.iter().map(|cell| vec![cell.clone()]).collect();
    let range = open(&[table("t", &["a"], rows)]).worksheet_range("t").unwrap();
    (1..=u32::try_from(cells.len()).unwrap())
        .map(|row| range.get_value((row, 0)).cloned().unwrap_or(Data::Empty))
        .collect()
}

#[test]
fn csv_is_that_of_rfc_4180() {
    let rows = vec![
        vec![text("plain"), amount("-12.50"), Cell::Integer(-3), Cell::Time("2026-11-20T13:05:00Z".into())],
        vec![text("a,\"b\"\r\nc"), amount("007"), Cell::Integer(i64::MIN), Cell::Empty],
        vec![text("ä 🦀")],
    ];
    assert_eq!(
        written(&[table("t", &["a", "b", "c", "d_1"], rows)]),
        "a,b,c,d_1\r\nplain,-12.50,-3,2026-11-20T13:05:00Z\r\n\
         \"a,\"\"b\"\"\r\nc\",007,-9223372036854775808,\r\nä 🦀,,,\r\n"
    );
}

#[test]
fn several_tables_follow_each_other_with_their_titles() {
    let one = table("first", &["a"], vec![vec![text("1")]]);
    let two = table("=second, \"2\"", &["b"], vec![vec![text("2")]]);
    assert_eq!(
        written(&[one.clone(), two, one]),
        "a\r\n1\r\n\r\n\"'=second, \"\"2\"\"\"\r\nb\r\n2\r\n\r\nfirst\r\na\r\n1\r\n"
    );
    assert_eq!(written(&[]), "");
}

#[test]
fn only_a_plain_decimal_is_an_amount() {
    for plain in ["0", "-0.5", "120.50", "123456789012345678901234567890.12"] {
        assert_eq!(written(&[table("t", &["a"], vec![vec![amount(plain)]])]), format!("a\r\n{plain}\r\n"));
    }
    for other in ["-", "-1+1", "+1", "--1", "-.5", "-1.", "=1", "-1e3", "-１", "@x"] {
        assert_eq!(written(&[table("t", &["a"], vec![vec![amount(other)]])]), format!("a\r\n'{other}\r\n"));
        assert_eq!(column(&[amount(other)]), [Data::String(format!("'{other}"))]);
    }
    assert_eq!(column(&[amount("1e3"), amount("")]), [Data::String("1e3".into()), Data::Empty]);
}

#[test]
fn names_and_times_are_inert_too() {
    let tables = [table("=t", &["=a", "@b"], vec![vec![Cell::Time("=now".into()), text("\t=x")]])];
    assert_eq!(written(&tables), "\"'=a\",\"'@b\"\r\n'=now,'\t=x\r\n");
    let range = open(&tables).worksheet_range("_=t").unwrap();
    let cells: Vec<String> = range.cells().map(|(_, _, cell)| cell.to_string()).collect();
    assert_eq!(cells, ["'=a", "'@b", "'=now", "'\t=x"]);
}

#[test]
fn a_number_of_a_workbook_is_a_number_and_loses_no_digit() {
    assert_eq!(
        column(&[amount("-12.50"), amount("0.1"), amount("123456789012.345"), Cell::Integer(-3)]),
        [Data::Float(-12.5), Data::Float(0.1), Data::Float(123_456_789_012.345), Data::Float(-3.0)]
    );
    for long in ["1234567890123.456", "-1234567890123456", "0.1000000000000000"] {
        assert_eq!(column(&[amount(long)]), [Data::String(long.into())]);
    }
    let long = [Cell::Integer(999_999_999_999_999), Cell::Integer(i64::MAX)];
    assert_eq!(column(&long), [Data::Float(999_999_999_999_999.0), Data::String(i64::MAX.to_string())]);
    assert_eq!(column(&[amount("-0.00")]).first().unwrap().to_string(), "0");
}

#[test]
fn an_amount_is_shown_with_its_own_digits() {
    let rows = vec![vec![amount("1.50")], vec![amount("2")], vec![amount("0.1230")]];
    let mut workbook = open(&[table("t", &["a"], rows)]);
    let styles = workbook.worksheet_style("t").unwrap();
    let format = |row: u32| {
        let style = styles.get((row, 0)).unwrap();
        style.number_format.as_ref().map(|format| format.format_code.clone())
    };
    assert_eq!(format(1).as_deref(), Some("0.00"));
    assert_eq!(format(2).as_deref(), Some("0"));
    assert_eq!(format(3).as_deref(), Some("0.0000"));
    assert!(styles.get((0, 0)).unwrap().font.as_ref().unwrap().is_bold());
}

#[test]
fn text_that_looks_like_something_else_is_text() {
    for one in
        ["007", "1e5", "TRUE", "https://a.example", "2026-11-20", "{=1}", "_x0041_", " x ", "a\nb\tc\rd"]
    {
        assert_eq!(column(&[text(one)]), [Data::String(one.into())], "{one:?}");
        let mut workbook = open(&[table("t", &["a"], vec![vec![text(one)], vec![text("=1+1")]])]);
        assert!(workbook.worksheet_formula("t").unwrap().is_empty());
    }
}

#[test]
fn each_table_has_a_sheet_whose_name_excel_takes() {
    let titles = [
        "Plain",
        "plain",
        "a/b\\c?d*e[f]g:h'",
        "",
        "history",
        "=cmd",
        "a title of more than thirty-one characters",
        "A title of more than thirty-one characters!",
        "🦀🦀🦀🦀🦀🦀🦀🦀🦀🦀🦀🦀🦀🦀🦀🦀",
        "a\nb",
    ];
    let tables: Vec<Table> = titles.iter().map(|title| table(title, &["a"], Vec::new())).collect();
    assert_eq!(
        open(&tables).sheet_names(),
        [
            "Plain",
            "plain 2",
            "a_b_c_d_e_f_g_h_",
            "_",
            "_history",
            "_=cmd",
            "a title of more than thirty-one",
            "A title of more than thirty-o 2",
            "🦀🦀🦀🦀🦀🦀🦀🦀🦀🦀🦀🦀🦀🦀🦀",
            "a_b",
        ]
    );
}

#[test]
fn what_a_worksheet_cannot_hold_is_told() {
    let long = "x".repeat(32_767);
    assert!(xlsx(&[table("t", &["a"], vec![vec![text(&long)]])]).is_ok());
    let told = xlsx(&[table("t", &["a"], vec![vec![], vec![text(&format!("{long}x"))]])]).unwrap_err();
    assert!(matches!(told, WriteError::TextTooLong { row: 3, .. }), "{told}");
    let told = xlsx(&[table("t", &["a"], vec![vec![text(&format!("={}", &long[1..]))]])]).unwrap_err();
    assert!(matches!(told, WriteError::TextTooLong { row: 2, .. }), "the apostrophe counts: {told}");
    let told = xlsx(&[table("t", &["a"], vec![Vec::new(); 1_048_576])]).unwrap_err();
    assert!(matches!(told, WriteError::TooManyRows { .. }), "{told}");
}

#[test]
fn equal_tables_give_equal_bytes() {
    let tables = [table("t", &["a"], vec![vec![text("x"), amount("1.50")]])];
    assert_eq!(xlsx(&tables).unwrap(), xlsx(&tables).unwrap());
    let parts = String::from_utf8(unzipped(&xlsx(&tables).unwrap(), "docProps/core.xml")).unwrap();
    assert!(parts.contains("2000-01-01T00:00:00Z"), "{parts}");
    assert!(!parts.contains("202"), "no other day: {parts}");
}

fn unzipped(bytes: &[u8], name: &str) -> Vec<u8> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut part = Vec::new();
    std::io::copy(&mut archive.by_name(name).unwrap(), &mut part).unwrap();
    part
}
