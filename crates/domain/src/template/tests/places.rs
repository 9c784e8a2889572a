//! Every place of a request: values stay inside it and come back from it.

use super::*;

fn fill(template: Result<Template, TemplateError>, value: &str) -> String {
    filled(&template.unwrap(), &[("sub1", value)]).unwrap()
}

#[test]
fn values_stand_in_json_as_strings_numbers_or_nothing() {
    for (source, value, told) in [
        (r#"{"a":{sub1}}"#, "1.50", r#"{"a":1.50}"#),
        (r#"{ "x" : {sub1} }"#, "-1e3", r#"{ "x" : -1e3 }"#),
        (r#"{"a":{sub1}}"#, "", r#"{"a":null}"#),
        (r#"{"a":{sub1}}"#, "true", r#"{"a":true}"#),
        (r#"{"a":{sub1}}"#, "null", r#"{"a":null}"#),
        (r#"{"a":{sub1}}"#, "007", r#"{"a":"007"}"#),
        (r#"{"a":{sub1}}"#, "1 ", r#"{"a":"1 "}"#),
        (r#"{"a":{sub1}}"#, "1,\"b\":2", r#"{"a":"1,\"b\":2"}"#),
        (r#"{"a":{sub1}}"#, "[1]", r#"{"a":"[1]"}"#),
        (r#"{"a":"{sub1}"}"#, "a\"b\\\n", r#"{"a":"a\"b\\\n"}"#),
        (r#"{"a":"{sub1}"}"#, "1.50", r#"{"a":"1.50"}"#),
        (r#"{"a":"{sub1}"}"#, "", r#"{"a":""}"#),
        (r#"{"a":"\"{sub1}"}"#, "x", r#"{"a":"\"x"}"#),
        (r#"["{sub1:none|upper}",{sub1:0}]"#, "", r#"["NONE",0]"#),
        (r#"{"a":1}"#, "x", r#"{"a":1}"#),
        ("{}", "x", "{}"),
        ("{sub1}", "x", r#""x""#),
        (r#"{"text":"a {note} of {} {sub1}"}"#, "x", ""),
        (r#"{"text":"a { note } of {} {sub1}"}"#, "x", r#"{"text":"a { note } of {} x"}"#),
        (r#"{"{sub1}":1}"#, "a\"", r#"{"a\"":1}"#),
    ] {
        match Template::parse_json(source) {
            Ok(template) => assert_eq!(filled(&template, &[("sub1", value)]).unwrap(), told, "{source}"),
            Err(error) => assert!(told.is_empty(), "{source}: {error}"),
        }
    }
}

#[test]
fn what_would_not_be_json_is_refused_when_it_is_read() {
    for source in [
        "",
        "{",
        "{sub1}{sub1}",
        "1{sub1}",
        "{sub1}1",
        "[{sub1} {sub2}]",
        "{{sub1}:1}",
        "{ {sub1} : 1 }",
        r#""\{sub1}""#,
        r#""\u00{sub1}""#,
        r#"{"a":{sub1}"#,
        r#"{"a":'{sub1}'}"#,
        r#"{"a":{SUB1}}"#,
        "\"a\nb{sub1}\"",
    ] {
        let error = Template::parse_json(source).unwrap_err();
        assert!(matches!(error, TemplateError::NotJson(_)), "{source}: {error}");
    }
    let error = |source: &str| Template::parse_json(source).unwrap_err().to_string();
    assert_eq!(error(r#"{"a":"{PAYOUT}"}"#), "{PAYOUT} is no macro; did you mean {payout}?");
    assert_eq!(error(r#"{"a":{clickid}}"#), "{clickid} is no macro; did you mean {partner_click_id}?");
    assert_eq!(
        error("{\"a\":[{\"b\":\"##PAYOUT##\"}]}"),
        "##PAYOUT## is another platform's placeholder and would go out as it stands; did you mean {payout}?"
    );
}

#[test]
fn headers_hold_printable_characters_alone() {
    let header = || Template::parse_header("x={sub1};");
    assert_eq!(fill(header(), "a\r\nX-Evil: 1\0ü\u{7f}"), "x=a%0D%0AX-Evil: 1%00%C3%BC%7F;");
    for source in ["a\r\nb", "ü", "a\tb", "\0"] {
        assert_eq!(Template::parse_header(source), Err(TemplateError::NotAHeader), "{source:?}");
    }
    assert!(Template::parse_header("{{x}}").is_err() && Template::parse_header("##X##").is_err());
}

#[test]
fn forms_and_raw_bodies_take_values_as_they_are() {
    assert_eq!(fill(Template::parse_form_value("a&{sub1}=ü"), "b c&"), "a&b c&=ü");
    assert_eq!(fill(Template::parse_raw("<a>{sub1}</a>{ x }{}{X}"), "<b>"), "<a><b></a>{ x }{}{X}");
    for source in ["{x", "${SUBID}", "[[subid]]", "{nothing}"] {
        assert!(Template::parse_form_value(source).is_err(), "{source}");
    }
    assert_eq!(fill(Template::parse_form_value("{sub1}"), "x"), "x");
    assert_eq!(fill(Template::parse_header("{sub1}"), "x"), "x");
    // A note in brackets is none.
    assert_eq!(fill(Template::parse_form_value("(new)"), ""), "(new)");
}

#[test]
fn a_foreign_placeholder_never_goes_out_in_an_address() {
    for seen in [
        "{{clickid}}",
        "${clickid}",
        "[clickid]",
        "[[clickid]]",
        "[[[clickid]]]",
        "#clickid#",
        "##CLICKID##",
        "##CLICKID(action)##",
        "$clickid$",
        "(clickid)",
        "%clickid%",
        "%%CLICKID%%",
        "%clickid!",
        "__CLICKID__",
        "<clickid>",
        "!clickid!",
        "REPLACE",
        "OPTIONAL",
    ] {
        for source in [
            format!("https://a.example/p?a=1&cid={seen}"),
            format!("https://a.example/p?cid={seen}&a=1"),
            format!("https://a.example/p?cid={seen}#end"),
        ] {
            let told = "is another platform's placeholder and would go out as it stands; did you mean {partner_click_id}?";
            assert_eq!(error(&source), format!("{seen} {told}"), "{source}");
        }
        assert!(Template::parse_url(&format!("https://a.example/{seen}/x")).is_err(), "{seen}");
        assert!(Template::parse_url(&format!("https://a.example/x/{seen}")).is_err(), "{seen}");
    }
    assert_eq!(
        error("https://a.example/?t=(new)"),
        "(new) is another platform's placeholder and would go out as it stands; text that is meant must be percent-encoded"
    );
    for source in [
        "https://a.example/?t=%28new%29",
        "https://a.example/?t=%20#fragment",
        "https://a.example/(1)/[0]/?a=(1)&b=[0]&c=50%25&d=$5&e=!&f=a[b]c&g[x]=1&__utm=__init__",
        "https://a.example/#top",
        "https://a.example/?price=${payout}00",
    ] {
        assert!(Template::parse_url(source).is_ok(), "{source}: {:?}", Template::parse_url(source));
    }
}

#[test]
fn no_value_climbs_out_of_its_path() {
    let template = || Template::parse_url("https://a.example/a/{sub1}/b.{sub1}?c={sub1}");
    assert_eq!(fill(template(), ".."), "https://a.example/a/%252E%252E/b.%252E%252E?c=..");
    let url = url::Url::parse(&fill(template(), ".")).unwrap();
    assert_eq!(url.path(), "/a/%252E/b.%252E");
    assert_eq!(fill(template(), "..."), "https://a.example/a/.../b....?c=...");
}

fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8().unwrap().into_owned()
}

proptest! {
    #[test]
    fn a_value_comes_back_byte_for_byte_and_never_moves_the_host(value in ".{0,40}") {
        let text = render("https://a.example/p/{click_id}/q?c={click_id}&end=1#f={click_id}&g", &value);
        let url = url::Url::parse(&text).unwrap();
        prop_assert_eq!((url.scheme(), url.host_str(), url.port()), ("https", Some("a.example"), None));
        let seen: Vec<String> = url.query_pairs().map(|(_, value)| value.into_owned()).collect();
        prop_assert_eq!(seen, [value.as_str(), "1"]);
        let segments: Vec<&str> = url.path_segments().unwrap().collect();
        prop_assert_eq!(segments.len(), 3);
        let in_path = decoded(segments[1]);
        // Two values would be a way elsewhere; they are encoded twice.
        let is_a_way = matches!(value.as_str(), "." | "..");
        prop_assert_eq!(if is_a_way { decoded(&in_path) } else { in_path }, value.clone());
        let fragment = url.fragment().unwrap().strip_prefix("f=").unwrap().strip_suffix("&g").unwrap();
        prop_assert_eq!(decoded(fragment), value);
    }

    #[test]
    fn a_value_comes_back_byte_for_byte_from_json(value in prop_oneof![".{0,40}", "-?[0-9.e+]{1,9}", "[\\x00-\\x20\"\\\\u{}:,a]{0,9}"]) {
        let source = r#"{"inside":"a{sub1}b","bare":{sub1},"list":[{sub1},"{sub1}"]}"#;
        let text = fill(Template::parse_json(source), &value);
        let read: serde_json::Value = serde_json::from_str(&text).unwrap();
        let bare = format!("\"bare\":{value},");
        prop_assert_eq!(&read["inside"], &serde_json::Value::from(format!("a{value}b")));
        prop_assert_eq!(read["list"][1].as_str(), Some(value.as_str()));
        prop_assert_eq!(&read["bare"], &read["list"][0]);
        prop_assert_eq!(read.as_object().unwrap().len(), 3);
        match &read["bare"] {
            serde_json::Value::String(text) => prop_assert_eq!(text, &value),
            serde_json::Value::Null => prop_assert!(value.is_empty() || value == "null"),
            serde_json::Value::Bool(_) | serde_json::Value::Number(_) => prop_assert!(text.contains(&bare)),
            other => prop_assert!(false, "{}", other),
        }
    }

    #[test]
    fn a_header_has_no_control_characters_whatever_the_value(value in ".{0,20}[\\x00-\\x1f\\x7f\u{80}-\u{ff}]{0,3}.{0,5}") {
        let header = fill(Template::parse_header("Token {sub1}"), &value);
        prop_assert!(header.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()), "{:?}", header);
        let kept = !value.contains('%') && value.is_ascii() && !value.contains(char::is_control);
        let plain = format!("Token {value}");
        prop_assert!(!kept || header == plain);
    }

    #[test]
    fn forms_and_raw_bodies_give_every_value_back(value in ".{0,40}") {
        prop_assert_eq!(fill(Template::parse_form_value("a{sub1}b"), &value), format!("a{value}b"));
        prop_assert_eq!(fill(Template::parse_raw("a{sub1}b"), &value), format!("a{value}b"));
    }

    #[test]
    fn any_text_is_read_or_refused_in_every_place(
        source in prop_oneof![
            ".{0,60}",
            "(https://a\\.example/)?([{}|:\"\\\\\\[\\],?&=#/%$ ]|sub1|payout|secret\\.|key|\\{sub1\\}|\\{payout\\||currency:USD\\}|\\{x|format:%Y|map:a=1|null|1){0,14}",
        ],
        value in ".{0,10}",
    ) {
        let values = [("sub1", value.as_str()), ("payout", "1.00"), ("timestamp", "1"), ("x", "y")];
        for parse in [Template::parse_url, Template::parse_visit_url, Template::parse_header,
                      Template::parse_form_value, Template::parse_json, Template::parse_raw] {
            if let Ok(template) = parse(&source) {
                prop_assert_eq!(parse(template.source()), Ok(template.clone()));
                let secrets = template.secrets().filter(|name| *name != "key").count();
                prop_assert_eq!(filled(&template, &values).is_err(), secrets > 0);
            }
        }
        if let Ok(template) = Template::parse_json(&source)
            && let Ok(text) = filled(&template, &values)
        {
            prop_assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{} from {}", text, source);
        }
        lint(&source);
    }
}
