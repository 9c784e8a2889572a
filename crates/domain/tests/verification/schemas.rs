//! The schema files fit what is sent, and nothing that lacks what they promise; judged by a JSON Schema validator.

use std::collections::BTreeMap;

use proofback_domain::program::Happening;
use proofback_domain::time::Timestamp;
use proofback_domain::webhook::{Field, Kind, body, example, fields};
use serde_json::{Value, json};

use crate::run::{directory, documents, hex, python_with_libraries, verdicts, write};

struct Case {
    what: String,
    happening: Happening,
    body: Value,
    fits: bool,
}

fn told(happening: Happening, values: &BTreeMap<String, String>) -> Value {
    let at = Timestamp::parse("2026-11-21T07:06:00Z").unwrap();
    serde_json::from_str(&body(happening, at, values)).unwrap()
}

fn cases(happening: Happening) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |what: &str, fits: bool, body: Value| {
        cases.push(Case { what: format!("{}: {what}", happening.code()), happening, body, fits });
    };
    let values = example(happening);
    let example = told(happening, &values);
    let mut test = values.clone();
    test.insert("test".into(), "1".into());
    add("the example", true, example.clone());
    add("the example as a test", true, told(happening, &test));
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut body = example.clone();
        change(&mut body);
        body
    };
    let without = |name: &str| {
        changed(&|body| {
            body["data"].as_object_mut().unwrap().remove(name);
        })
    };
    add("a member that comes later", true, changed(&|body| body["data"]["later"] = json!({"a": [1]})));
    add("a test that is none", false, changed(&|body| body["data"]["test"] = json!(false)));
    add("another type", false, changed(&|body| body["type"] = json!("conversion.updated")));
    add("no data", false, changed(&|body| body["data"] = json!(null)));
    for field in fields(happening).filter(|field| example["data"].get(field.name).is_some()) {
        add(&format!("without {}", field.name), !field.needed, without(field.name));
        add(field.name, false, changed(&|body| body["data"][field.name] = json!(null)));
        add(field.name, false, changed(&|body| body["data"][field.name] = wrong(field)));
        if let Kind::Money { .. } = field.kind {
            let currency = format!("{}_currency", field.name);
            add(&format!("without {currency}"), false, without(&currency));
        }
    }
    cases
}

/// Of another form than the field's.
fn wrong(field: &Field) -> Value {
    match field.kind {
        Kind::Text | Kind::Time { .. } => json!(7),
        Kind::Id => json!("01kb3gx9f0c2m4v6p8r0t2w4yu"),
        Kind::Status => json!("paid"),
        Kind::Money { .. } | Kind::Difference { .. } => json!(12.5),
        Kind::Count => json!("24"),
        Kind::Subs => json!({"sub11": "x"}),
        Kind::Rows => json!({"sub1": "x"}),
        Kind::Flag => json!("true"),
    }
}

#[test]
fn the_schemas_fit_every_example_and_nothing_that_lacks_what_is_promised() {
    let driver = r#"
import json
import sys
from jsonschema import Draft202012Validator

validators = {}
for line in sys.stdin.read().split("\n")[:-1]:
    path, body = line.split("\t")
    if path not in validators:
        with open(path, encoding="utf-8") as file:
            schema = json.load(file)
        Draft202012Validator.check_schema(schema)
        validators[path] = Draft202012Validator(schema)
    print(int(validators[path].is_valid(json.loads(bytes.fromhex(body)))))
"#;
    let directory = directory("schemas");
    write(&directory, "schemas.py", driver);
    let schemas = documents().join("schemas");
    let cases: Vec<Case> = Happening::ALL.into_iter().flat_map(cases).collect();
    let line = |case: &Case| {
        let path = schemas.join(format!("{}.json", case.happening.code()));
        format!("{}\t{}", path.display(), hex(case.body.to_string().as_bytes()))
    };
    let lines: Vec<String> = cases.iter().map(line).collect();
    let verdicts = verdicts(&directory, &[&python_with_libraries(), "schemas.py"], &lines);
    for (case, verdict) in cases.iter().zip(verdicts) {
        assert_eq!(verdict, case.fits, "{} {}", case.what, case.body);
    }
}
