//! Takes code blocks out of the documentation and runs them on a list of cases, one a line.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

/// A page of the documentation.
pub fn page(name: &str) -> String {
    std::fs::read_to_string(documents().join(name)).unwrap()
}

pub fn documents() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

/// The only block of this language on a page.
pub fn block(page: &str, language: &str) -> String {
    let opening = format!("```{language}\n");
    let mut blocks = page.split(&opening).skip(1).map(|rest| rest.split("\n```").next().unwrap());
    let block = blocks.next().unwrap_or_else(|| panic!("the page has no block of {language}"));
    assert!(blocks.next().is_none(), "the page has two blocks of {language}");
    format!("{block}\n")
}

/// A directory for one test's files.
pub fn directory(name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("verification").join(name);
    std::fs::create_dir_all(&directory).unwrap();
    directory
}

pub fn write(directory: &Path, name: &str, text: &str) -> PathBuf {
    let path = directory.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// The Python with the libraries that the tests install for themselves.
pub fn python_with_libraries() -> String {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let python = target.join("tools/python/bin/python");
    assert!(python.exists(), "{} is missing: run scripts/test-tools", python.display());
    python.to_str().unwrap().to_owned()
}

/// Runs a command on these lines and gives its verdicts: a line each, `1` or `0`.
pub fn verdicts(directory: &Path, command: &[&str], lines: &[String]) -> Vec<bool> {
    let input = write(directory, "cases.txt", &format!("{}\n", lines.join("\n")));
    let mut command = tool(command);
    let output = command.current_dir(directory).stdin(File::open(input).unwrap()).output();
    let output = output.unwrap_or_else(|error| panic!("{command:?}: {error}: run scripts/test-tools"));
    let said = String::from_utf8(output.stdout).unwrap();
    succeeded(&command, output.status, &String::from_utf8_lossy(&output.stderr));
    let verdict = |line: &str| match line {
        "1" => true,
        "0" => false,
        other => panic!("{command:?} said {other:?}"),
    };
    let verdicts: Vec<bool> = said.lines().map(verdict).collect();
    assert_eq!(verdicts.len(), lines.len(), "{command:?} did not judge every case");
    verdicts
}

/// Runs a command that must succeed.
pub fn prepare(directory: &Path, command: &[&str]) {
    let mut command = tool(command);
    let output = command.current_dir(directory).output();
    let output = output.unwrap_or_else(|error| panic!("{command:?}: {error}: run scripts/test-tools"));
    succeeded(&command, output.status, &String::from_utf8_lossy(&output.stderr));
}

fn tool(words: &[&str]) -> Command {
    let mut command = Command::new(words[0]);
    command.args(&words[1..]);
    command
}

fn succeeded(command: &Command, status: ExitStatus, errors: &str) {
    assert!(status.success(), "{command:?}: {status}\n{errors}");
}

/// For bytes that may not stand in a line.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
