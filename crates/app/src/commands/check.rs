//! `proofback check`: every mistake of a program file with line, column and a suggestion.

use std::process::ExitCode;

use proofback_domain::program::{Mistake, Severity, read};

use crate::options::Check;

pub fn run(options: &Check) -> anyhow::Result<ExitCode> {
    let source = super::read_file(&options.file)?;
    let (program, mistakes) = read(&source);
    let file = options.file.display();
    for mistake in &mistakes {
        println!("{file}:{mistake}");
    }
    let Some(program) = program else {
        println!("{file}: {}", count(&mistakes, Severity::Error, "error"));
        return Ok(ExitCode::FAILURE);
    };
    println!(
        "{file}: {} is fine: {} advertisers, {} offers, {} partners, {} links; {}",
        program.name,
        program.advertisers.len(),
        program.offers.len(),
        program.partners.len(),
        program.links.len(),
        count(&mistakes, Severity::Warning, "warning"),
    );
    Ok(ExitCode::SUCCESS)
}

fn count(mistakes: &[Mistake], severity: Severity, word: &str) -> String {
    match mistakes.iter().filter(|mistake| mistake.severity == severity).count() {
        0 => format!("no {word}s"),
        1 => format!("1 {word}"),
        many => format!("{many} {word}s"),
    }
}
