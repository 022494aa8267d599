//! Schemas of structured results: the short form, what is made fit for the API, how answers are judged.

use claude_kernel::chat::schema::{fit, parse_short, read};
use expect_test::{Expect, expect};
use proptest::prelude::*;
use serde_json::{Value, json};

fn check(spec: &str, schema: &Value) {
    assert_eq!(&parse_short(spec).unwrap(), schema, "{spec}");
}

fn object(properties: Value, required: &[&str]) -> Value {
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}

#[test]
fn the_short_form_says_what_json_schema_says() {
    check(
        "city str, people int, area float, capital bool, since date",
        &object(
            json!({
                "city": {"type": "string"},
                "people": {"type": "integer"},
                "area": {"type": "number"},
                "capital": {"type": "boolean"},
                "since": {"type": "string", "format": "date"},
            }),
            &["city", "people", "area", "capital", "since"],
        ),
    );
    check(
        "tags [str], at {lat float, lon float}?, level (low | mid|high), stars (1|2|3): as shown, note? str, b ? [int], c str ?, price (0.5|1), open (true|false)",
        &object(
            json!({
                "tags": {"type": "array", "items": {"type": "string"}},
                "at": object(json!({"lat": {"type": "number"}, "lon": {"type": "number"}}), &["lat", "lon"]),
                "level": {"type": "string", "enum": ["low", "mid", "high"]},
                "stars": {"type": "integer", "enum": [1, 2, 3], "description": "as shown"},
                "note": {"type": "string"},
                "b": {"type": "array", "items": {"type": "integer"}},
                "c": {"type": "string"},
                "price": {"type": "number", "enum": [0.5, 1]},
                "open": {"type": "boolean"},
            }),
            &["tags", "level", "stars", "price", "open"],
        ),
    );
    let row = object(json!({"name": {"type": "string"}}), &["name"]);
    check("[{name str}]", &json!({"type": "array", "items": row}));
    check(
        " [ { name str } ] : the people ",
        &json!({"type": "array", "items": row, "description": "the people"}),
    );
    check("{name str}", &row);
}

#[test]
fn names_and_descriptions_may_be_quoted() {
    check(
        r#""first name" str: "as \"written\", in full", größe float: in cm (not {inch}), next int"#,
        &object(
            json!({
                "first name": {"type": "string", "description": "as \"written\", in full"},
                "größe": {"type": "number", "description": "in cm (not {inch})"},
                "next": {"type": "integer"},
            }),
            &["first name", "größe", "next"],
        ),
    );
    check(
        r#"mark ("1"|"a|b"), lines {a str: of\nmany, b [int]: words}"#,
        &object(
            json!({
                "mark": {"type": "string", "enum": ["1", "a|b"]},
                "lines": object(
                    json!({
                        "a": {"type": "string", "description": r"of\nmany"},
                        "b": {"type": "array", "items": {"type": "integer"}, "description": "words"},
                    }),
                    &["a", "b"],
                ),
            }),
            &["mark", "lines"],
        ),
    );
}

#[test]
fn an_error_names_the_column() {
    let errors: Vec<String> = [
        "",
        "city",
        "city, people int",
        "city string2",
        "city str people int",
        "city str; people int",
        "city str, city int",
        "tags [str",
        "tags [name str]",
        "tags [str?]",
        "at {lat float",
        "at {}",
        "level (low|)",
        "level (low|low)",
        "level (low",
        "level (low, mid)",
        "level: str",
        "note str: ",
        "\"note str",
        "[str] more",
        "5",
        "ключ str, 😀 int",
        &format!("x {}str{}", "[".repeat(40), "]".repeat(40)),
    ]
    .iter()
    .map(|spec| {
        let error = parse_short(spec).unwrap_err();
        let spec: String = spec.chars().take(30).collect();
        format!("{spec:<30} {:>3} {}", error.column, error.message)
    })
    .collect();
    expect![[r#"
                                         1 there is no field
        city                             5 the field `city` has no type
        city, people int                 5 the field `city` has no type
        city string2                     6 `string2` is not a type
        city str people int             10 `p` stands where a comma should
        city str; people int             9 `;` stands where a comma should
        city str, city int              11 the field `city` is there already
        tags [str                        6 `[` is not closed
        tags [name str]                  7 `name` is not a type
        tags [str?]                     10 the items of a list cannot be optional
        at {lat float                    4 `{` is not closed
        at {}                            5 there is no field
        level (low|)                    12 nothing stands between the bars
        level (low|low)                 12 the same twice stands between the bars
        level (low                       7 `(` is not closed
        level (low, mid)                11 a comma stands where a bar should
        level: str                       6 the field `level` has no type before the colon
        note str:                       11 no description follows the colon
        "note str                        1 a quote is not closed
        [str] more                       7 `m` follows the end
        5                                2 the field `5` has no type
        ключ str, 😀 int                 11 `😀` stands where a name should
        x [[[[[[[[[[[[[[[[[[[[[[[[[[[[  19 more than 16 lists and objects stand in one another"#]]
    .assert_eq(&errors.join("\n"));
}

/// A type of the short form, with braces inside braces.
fn kind() -> impl Strategy<Value = String> {
    let plain = prop_oneof![
        Just("str".to_owned()),
        Just("int".to_owned()),
        Just("float".to_owned()),
        Just("bool".to_owned()),
        Just("date".to_owned()),
        Just("(low|mid high|3)".to_owned()),
        Just("( 1 | 2 )".to_owned()),
    ];
    plain.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(|kind| format!("[{kind}]")),
            fields(inner).prop_map(|fields| format!("{{{fields}}}")),
        ]
    })
}

fn fields(kind: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    let described = prop_oneof![
        Just(String::new()),
        Just(": a few words".to_owned()),
        Just(": \"with, comma\"".to_owned()),
    ];
    proptest::collection::vec((kind, described, 0..8_u8), 1..4).prop_map(|fields| {
        let fields: Vec<String> = fields
            .iter()
            .enumerate()
            .map(|(number, (kind, words, optional))| {
                let sign = if *optional == 0 { "?" } else { "" };
                format!("f{number} {kind}{sign}{words}")
            })
            .collect();
        fields.join(", ")
    })
}

proptest! {
    #[test]
    fn any_text_is_a_schema_or_an_error(spec in prop_oneof![any::<String>(), "[a-c?,:|(){}\\[\\]\" ]{0,30}(str|int)?[,}\\]\\)]{0,3}"]) {
        match parse_short(&spec) {
            Ok(schema) => {
                prop_assert!(fit(schema).is_ok());
            }
            Err(error) => {
                prop_assert!(error.column >= 1 && error.column <= spec.chars().count() + 1);
                prop_assert!(!error.message.is_empty() && error.hint.ends_with(['.', '`', ')']));
            }
        }
    }

    #[test]
    fn a_valid_spec_needs_no_repair(spec in fields(kind())) {
        let schema = parse_short(&spec).unwrap();
        let fitted = fit(schema.clone()).unwrap();
        prop_assert_eq!(&fitted.sent, &schema);
        prop_assert_eq!(&fitted.written, &schema);
        prop_assert!(fitted.notes.is_empty());
    }
}

fn fitted(schema: Value) -> String {
    match fit(schema) {
        Ok(fit) => {
            let mut text = fit.sent.to_string();
            for note in fit.notes {
                text.push_str(&format!("\n{note}"));
            }
            text
        }
        Err(error) => format!("{}\n{}", error.message, error.hint),
    }
}

fn check_fit(schema: Value, expected: &Expect) {
    expected.assert_eq(&fitted(schema));
}

#[test]
fn what_the_api_cannot_take_is_repaired_and_said() {
    check_fit(
        json!({
            "$schema": "http://json-schema.org/draft-07/schema#",
            "type": "object",
            "properties": {
                "age": {"type": "integer", "minimum": 0, "maximum": 150, "description": "In years."},
                "name": {"type": "string", "maxLength": 40, "default": "Ada"},
                "tags": {"type": "array", "items": {"type": "string", "format": "uri"}, "minItems": 2},
                "at": {"properties": {"lat": {"type": ["number", "null"]}}, "additionalProperties": true},
                "kind": {"oneOf": [{"const": "a"}, {"const": "b"}]},
                "note": {"type": "string", "nullable": true},
            },
            "required": ["age"],
        }),
        &expect![[r#"
            {"type":"object","properties":{"age":{"type":"integer","description":"In years. (minimum: 0, maximum: 150)"},"name":{"type":"string","description":"(maxLength: 40, default: \"Ada\")"},"tags":{"type":"array","items":{"type":"string","format":"uri"},"description":"(minItems: 2)"},"at":{"type":"object","properties":{"lat":{"type":["number","null"]}},"additionalProperties":false},"kind":{"anyOf":[{"const":"a"},{"const":"b"}]},"note":{"type":"string","description":"(nullable: true)"}},"required":["age"],"additionalProperties":false}
            `additionalProperties: false` was added to the schema at `/`: the API takes no open objects.
            A missing `type` was added to the schema at `/properties/at`.
            `oneOf` was sent as `anyOf` at `/properties/kind`: the API takes no `oneOf`. The answer is still checked against it.
            `additionalProperties` was sent as `false` at `/properties/at`: the API takes no open objects, so only the fields named there will come.
            `nullable` at `/properties/note` allows no null, it is no word of JSON Schema: write `"type": ["string", "null"]`.
            The API takes no `minimum` at `/properties/age`, `maximum` at `/properties/age`, `maxLength` at `/properties/name`, `minItems` at `/properties/tags`: sent as a description, and checked in the answer."#]],
    );
}

#[test]
fn what_cannot_be_repaired_is_explained() {
    check_fit(
        json!({"$defs": {"node": {"type": "object", "properties": {"children": {"type": "array", "items": {"$ref": "#/$defs/node"}}}}}, "$ref": "#/$defs/node"}),
        &expect![[r#"
            the schema is recursive: `$ref` at `/$defs/node/properties/children/items` leads back to `#/$defs/node`, which holds it
            The API takes no recursive schemas. Write out as many levels as you need, or ask for a flat list whose items name their parent."#]],
    );
    check_fit(
        json!({"type": "object", "properties": {"next": {"$ref": "#"}}}),
        &expect![[r#"
            the schema is recursive: `$ref` at `/properties/next` leads back to `#`, which holds it
            The API takes no recursive schemas. Write out as many levels as you need, or ask for a flat list whose items name their parent."#]],
    );
    check_fit(
        json!({"type": "object", "properties": {"x": {"$ref": "https://example.com/x.json"}}}),
        &expect![[r##"
            `$ref` at `/properties/x` leads to `https://example.com/x.json`, outside the schema
            Copy what it refers to into `$defs`, and write `{"$ref": "#/$defs/NAME"}`."##]],
    );
    check_fit(
        json!({"type": "object", "properties": {"x": {"$ref": "#/$defs/x"}}}),
        &expect![[r##"
            `$ref` at `/properties/x` leads to `#/$defs/x`, which is not there
            Define it under `$defs`, and write `{"$ref": "#/$defs/NAME"}`."##]],
    );
    check_fit(
        json!({"type": "object", "properties": {"x": {"type": "strng"}}}),
        &expect![[r#"
            the schema is not valid at `/properties/x/type`: "strng" is not valid under any of the schemas listed in the 'anyOf' keyword
            Types are string, integer, number, boolean, object, array and null; `properties` and `items` hold schemas."#]],
    );
    check_fit(
        json!({"type": "object", "properties": {"x": {}}}),
        &expect![[r#"
            the schema has no `type` at `/properties/x`
            The API needs one there: string, integer, number, boolean, object or array."#]],
    );
    check_fit(
        json!({"type": "object", "properties": {"x": true}}),
        &expect![[r#"
            the schema at `/properties/x` allows anything or nothing
            The API needs a type there: string, integer, number, boolean, object or array."#]],
    );
    check_fit(
        json!({"type": "object", "properties": {"x": {"type": "object", "additionalProperties": {"type": "integer"}}}}),
        &expect![[r#"
            the object at `/properties/x` may have any fields
            The API needs every field by name in `properties`. For keys nobody knows beforehand, ask for a list of objects with `key` and `value`."#]],
    );
    check_fit(
        json!({"type": "object", "properties": {}, "required": ["a"], "additionalProperties": false}),
        &expect![[r#"
            `a` is required at `/` and not among its `properties`
            Add it to `properties`, or take it out of `required`."#]],
    );
    check_fit(
        json!({"type": "array"}),
        &expect![[r#"
        the list at `/` has no `items`
        Say what it holds: `"items": {"type": "string"}`."#]],
    );
    check_fit(
        json!([1]),
        &expect![[r#"
        a schema is a JSON object
        Write `{"type": "object", "properties": {…}}`, or the short form: `%%json NAME city str, people int`."#]],
    );
}

#[test]
fn two_definitions_that_need_each_other_are_recursive_and_two_that_share_are_not() {
    let leaf = json!({"type": "object", "properties": {"n": {"type": "integer"}}, "additionalProperties": false});
    let both = |a: Value, b: Value| {
        json!({
            "type": "object",
            "properties": {"a": {"$ref": "#/$defs/a"}, "b": {"$ref": "#/$defs/b"}},
            "additionalProperties": false,
            "$defs": {"a": a, "b": b, "leaf": leaf},
        })
    };
    let to = |name: &str| json!({"type": "array", "items": {"$ref": format!("#/$defs/{name}")}});
    assert!(fit(both(to("leaf"), to("leaf"))).is_ok());
    let error = fit(both(to("b"), to("a"))).unwrap_err();
    assert!(
        error.message.starts_with("the schema is recursive"),
        "{}",
        error.message
    );
    // A field may be called like a keyword.
    let odd = json!({"type": "object", "additionalProperties": false, "properties": {"default": {"$ref": "#"}, "$ref": {"type": "string"}}});
    assert!(
        fit(odd)
            .unwrap_err()
            .message
            .starts_with("the schema is recursive")
    );
}

#[test]
fn a_long_chain_of_references_is_refused() {
    let mut defs = serde_json::Map::new();
    for n in 0..5_000 {
        let next = json!({"type": "array", "items": {"$ref": format!("#/$defs/d{}", n + 1)}});
        defs.insert(format!("d{n}"), next);
    }
    defs.insert("d5000".to_owned(), json!({"type": "string"}));
    let schema = json!({"$ref": "#/$defs/d0", "$defs": defs});
    assert!(
        fit(schema)
            .unwrap_err()
            .message
            .contains("a chain of more than 32")
    );
}

#[test]
fn limits_are_counted_over_the_whole_schema() {
    let fields = |n: usize, sign: &str| -> String {
        let fields: Vec<String> = (0..n).map(|n| format!("f{n} int{sign}")).collect();
        fields.join(", ")
    };
    let spec = |n: usize| format!("a {{{}}}, b [{{{}}}]", fields(n, "?"), fields(12, "?"));
    assert!(fit(parse_short(&spec(12)).unwrap()).is_ok());
    check_fit(
        parse_short(&spec(13)).unwrap(),
        &expect![[r#"
        the schema has 25 optional fields, and the API takes at most 24
        List fields under `required` (in the short form: without `?`), or ask for fewer in one cell."#]],
    );
    let unions = |n: usize| {
        let properties: serde_json::Map<String, Value> = (0..n)
            .map(|n| (format!("f{n}"), json!({"type": ["integer", "null"]})))
            .collect();
        let required: Vec<&String> = properties.keys().collect();
        json!({"type": "object", "required": required, "properties": properties, "additionalProperties": false})
    };
    assert!(fit(unions(16)).is_ok());
    check_fit(
        unions(17),
        &expect![[r#"
        the schema has 17 fields with a choice of types (`anyOf`, lists of types), and the API takes at most 16
        Give fields one type each; instead of `null`, let a field be missing."#]],
    );
}

fn judged(schema: &Value, answer: &str) -> String {
    match read(schema, answer) {
        Ok(valid) => {
            let mut text = valid.value.to_string();
            for note in valid.notes {
                text.push_str(&format!("\n{note}"));
            }
            text
        }
        Err(invalid) => {
            let problems: Vec<String> = invalid
                .problems
                .iter()
                .map(|problem| format!("{:?} {}", problem.pointer, problem.message))
                .collect();
            format!("{}\nand {} more", problems.join("\n"), invalid.more)
        }
    }
}

#[test]
fn answers_are_judged_and_the_place_is_named() {
    let schema = parse_short("rows [{name str, level (low|high), on date?}], total int").unwrap();
    let check = |answer: &str, expected: Expect| expected.assert_eq(&judged(&schema, answer));
    check(
        r#" {"rows": [{"name": "Ada", "level": "low", "on": "2026-11-23"}], "total": 1} "#,
        expect![[r#"{"rows":[{"name":"Ada","level":"low","on":"2026-11-23"}],"total":1}"#]],
    );
    check(
        r#"{"rows": [{"name": "Ada", "level": "LOW"}, {"name": "Bo", "level": "High"}], "total": 1}"#,
        expect![[r#"
            {"rows":[{"name":"Ada","level":"low"},{"name":"Bo","level":"high"}],"total":1}
            `/rows/0/level` was spelt "LOW"; the schema has `low`.
            `/rows/1/level` was spelt "High"; the schema has `high`."#]],
    );
    check(
        r#"{"rows": [{"name": "Ada", "level": "mid", "on": "tomorrow"}, {"name": 5, "level": "low", "x": 1}, {}], "total": 1.5}"#,
        expect![[r#"
            "/rows/0/level" "mid" is not one of "low" or "high"
            "/rows/0/on" "tomorrow" is not a "date"
            "/rows/1/name" 5 is not of type "string"
            "/rows/1" Additional properties are not allowed ('x' was unexpected)
            "/rows/2" "name" is a required property
            and 2 more"#]],
    );
    check(
        r#"{"rows": [{"name": "Ada", "level": "low"}, {"name": "B"#,
        expect![[r#"
            "/rows/1/name" the answer ends in the middle, after 54 characters
            and 0 more"#]],
    );
    check(
        r#"{"rows": [{"name": "Ada", "level": "low"}], "tot"#,
        expect![[r#"
            "" the answer ends in the middle, after 48 characters
            and 0 more"#]],
    );
    check(
        "Here is the result:\n{}",
        expect![[r#"
        "" the answer is not JSON from line 1, column 1 on
        and 0 more"#]],
    );
    check(
        "",
        expect![[r#"
        "" the answer is empty
        and 0 more"#]],
    );
    check(
        "{\"rows\": [], \"total\": 1} and more",
        expect![[r#"
        "" the answer is not JSON from line 1, column 26 on
        and 0 more"#]],
    );
}

#[test]
fn an_answer_is_judged_by_the_schema_as_written() {
    let fitted =
        fit(json!({"type": "object", "properties": {"age": {"type": "integer", "minimum": 0}}}))
            .unwrap();
    assert!(read(&fitted.sent, r#"{"age": -1}"#).is_ok());
    let invalid = read(&fitted.written, r#"{"age": -1}"#).unwrap_err();
    assert_eq!(invalid.problems[0].pointer, "/age");
    assert_eq!(invalid.value, Some(json!({"age": -1})));
}

proptest! {
    #[test]
    fn any_answer_is_judged(answer in any::<String>(), cut in 0..70_usize) {
        let schema = parse_short("rows [{name str, level (low|high)}], total int").unwrap();
        let _ = read(&schema, &answer);
        let whole = r#"{"rows": [{"name": "é\" {[", "level": "low"}, {"name": "x", "level": "high"}], "total": 1}"#;
        let cut = whole.floor_char_boundary(cut);
        prop_assert!(read(&schema, whole).is_ok());
        prop_assert!(read(&schema, &whole[..cut]).is_err());
    }
}
