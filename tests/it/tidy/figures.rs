//! Figures that a reader feels: how long functions are, how much they take, what their errors are.
//!
//! Each figure has a list of what may still pass it. Empty is the aim; an entry that is not needed
//! fails.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};

use super::house::{House, for_tests};
use super::{read, rust_files};

/// Lines of code that a function may have, without comments and blank lines.
const MAX_FUNCTION_LINES: usize = 80;
/// What a function may take, `self` included.
const MAX_PARAMETERS: usize = 6;

/// Functions that may still be longer than [`MAX_FUNCTION_LINES`].
const STILL_LONG: &[&str] = &[];
/// Functions that may still take more than [`MAX_PARAMETERS`].
const STILL_TAKING_MANY: &[&str] = &[];
/// Functions, fields and types for other modules whose errors may still be a `String`.
const STILL_WITHOUT_ERRORS: &[&str] = &[];

/// What was measured of one file, by name of the function (or field, or type).
#[derive(Debug, Default)]
struct Measured {
    lines: BTreeMap<String, usize>,
    parameters: BTreeMap<String, usize>,
    string_errors: BTreeSet<String>,
}

impl Measured {
    fn of(file: &str, parsed: &syn::File, text: &str) -> Self {
        let tokens: TokenStream = text.parse().unwrap_or_else(|e| panic!("{file}: {e}"));
        let mut code_lines = BTreeSet::new();
        note_lines(tokens, &mut code_lines);
        let mut surveyor = Surveyor {
            file,
            inside: Vec::new(),
            code_lines: &code_lines,
            public_trait: false,
            found: Self::default(),
        };
        surveyor.visit_file(parsed);
        surveyor.found
    }

    fn add(&mut self, other: Self) {
        self.lines.extend(other.lines);
        self.parameters.extend(other.parameters);
        self.string_errors.extend(other.string_errors);
    }
}

/// The lines on which there is code.
fn note_lines(tokens: TokenStream, lines: &mut BTreeSet<usize>) {
    for token in tokens {
        if let TokenTree::Group(group) = &token {
            lines.insert(group.span_open().start().line);
            lines.insert(group.span_close().start().line);
            note_lines(group.stream(), lines);
        } else {
            lines.extend(token.span().start().line..=token.span().end().line);
        }
    }
}

struct Surveyor<'a> {
    file: &'a str,
    /// The types and functions around the place that is looked at.
    inside: Vec<String>,
    code_lines: &'a BTreeSet<usize>,
    public_trait: bool,
    found: Measured,
}

impl Surveyor<'_> {
    fn name(&self, name: &str) -> String {
        let inside: String = self.inside.iter().map(|i| format!("{i}::")).collect();
        format!("{}: {inside}{name}", self.file)
    }

    fn function(&mut self, signature: &syn::Signature, block: Option<&syn::Block>, public: bool) {
        let name = self.name(&signature.ident.to_string());
        if let Some(block) = block {
            let end = block.brace_token.span.close().end().line;
            let lines = signature.fn_token.span.start().line..=end;
            let lines = self.code_lines.range(lines).count();
            self.found.lines.insert(name.clone(), lines);
        }
        self.found
            .parameters
            .insert(name.clone(), signature.inputs.len());
        let mut errors = StringErrors(false);
        errors.visit_signature(signature);
        if public && errors.0 {
            self.found.string_errors.insert(name);
        }
    }

    fn in_type(&mut self, name: &str, ty: &syn::Type) {
        let mut errors = StringErrors(false);
        errors.visit_type(ty);
        if errors.0 {
            let name = self.name(name);
            self.found.string_errors.insert(name);
        }
    }
}

/// Finds `Result<_, String>` in a type or a signature.
struct StringErrors(bool);

impl<'ast> Visit<'ast> for StringErrors {
    fn visit_path_segment(&mut self, segment: &'ast syn::PathSegment) {
        if segment.ident == "Result"
            && let syn::PathArguments::AngleBracketed(arguments) = &segment.arguments
            && let Some(syn::GenericArgument::Type(syn::Type::Path(error))) =
                arguments.args.iter().nth(1)
            && error
                .path
                .segments
                .last()
                .is_some_and(|s| s.ident == "String")
        {
            self.0 = true;
        }
        visit::visit_path_segment(self, segment);
    }
}

fn is_public(visibility: &syn::Visibility) -> bool {
    !matches!(visibility, syn::Visibility::Inherited)
}

impl<'ast> Visit<'ast> for Surveyor<'_> {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if !for_tests(&module.attrs) {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        if for_tests(&item.attrs) {
            return;
        }
        let name = match &*item.self_ty {
            syn::Type::Path(path) => path.path.segments.last().map(|s| s.ident.to_string()),
            _ => None,
        };
        self.inside.push(name.unwrap_or_else(|| "_".to_owned()));
        visit::visit_item_impl(self, item);
        self.inside.pop();
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        self.inside.push(item.ident.to_string());
        self.public_trait = is_public(&item.vis);
        visit::visit_item_trait(self, item);
        self.inside.pop();
    }

    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        self.inside.push(item.ident.to_string());
        for field in item.fields.iter().filter(|f| is_public(&f.vis)) {
            let name = field.ident.as_ref().map(ToString::to_string);
            self.in_type(name.as_deref().unwrap_or("_"), &field.ty);
        }
        self.inside.pop();
    }

    fn visit_item_type(&mut self, item: &'ast syn::ItemType) {
        self.in_type(&item.ident.to_string(), &item.ty);
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        if for_tests(&item.attrs) {
            return;
        }
        self.function(&item.sig, Some(&item.block), is_public(&item.vis));
        self.inside.push(item.sig.ident.to_string());
        visit::visit_item_fn(self, item);
        self.inside.pop();
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        if for_tests(&item.attrs) {
            return;
        }
        self.function(&item.sig, Some(&item.block), is_public(&item.vis));
        self.inside.push(item.sig.ident.to_string());
        visit::visit_impl_item_fn(self, item);
        self.inside.pop();
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        self.function(&item.sig, item.default.as_ref(), self.public_trait);
        visit::visit_trait_item_fn(self, item);
    }
}

/// What passes the figure and is not listed, and what is listed and does not.
fn passing<'a>(
    what: &str,
    found: impl IntoIterator<Item = (&'a String, String)>,
    still: &[&str],
) -> Vec<String> {
    let mut needed = BTreeSet::new();
    let mut complaints = Vec::new();
    for (name, measured) in found {
        if still.contains(&name.as_str()) {
            needed.insert(name.as_str());
        } else {
            complaints.push(format!("{name} {measured}"));
        }
    }
    for name in still.iter().filter(|name| !needed.contains(*name)) {
        complaints.push(format!("{name} {what} any more: take it off the list"));
    }
    complaints
}

fn long(measured: &Measured, still: &[&str]) -> Vec<String> {
    let found = measured
        .lines
        .iter()
        .filter(|(_, lines)| **lines > MAX_FUNCTION_LINES);
    passing(
        "is not too long",
        found.map(|(name, lines)| (name, format!("has {lines} lines of code"))),
        still,
    )
}

fn taking_many(measured: &Measured, still: &[&str]) -> Vec<String> {
    let found = measured
        .parameters
        .iter()
        .filter(|(_, n)| **n > MAX_PARAMETERS);
    passing(
        "does not take too much",
        found.map(|(name, n)| (name, format!("has {n} parameters"))),
        still,
    )
}

fn without_errors(measured: &Measured, still: &[&str]) -> Vec<String> {
    let found = measured.string_errors.iter();
    passing(
        "has no error that is a `String`",
        found.map(|name| (name, "gives others an error that is a `String`".to_owned())),
        still,
    )
}

/// Every file of `src`, measured once for all tests.
static MEASURED: LazyLock<Measured> = LazyLock::new(|| {
    let files = rust_files("src");
    let texts: BTreeMap<&str, String> = files.iter().map(|f| (f.as_str(), read(f))).collect();
    let house = House::read(texts.iter().map(|(f, t)| (*f, t.as_str())));
    let mut all = Measured::default();
    for (file, parsed) in &house.files {
        all.add(Measured::of(file, parsed, &texts[file.as_str()]));
    }
    all
});

#[track_caller]
fn assert_none(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn figures_are_measured() {
    let body = "let x = 1;\n// a comment\n\nlet y = \"\n\";\n".repeat(20);
    let text = format!(
        "/// Said of it.\n#[must_use]\npub fn long(\n) {{\n{body}}}\n\
         struct S {{ pub run: fn() -> Result<u8, String>, run: Result<u8, String> }}\n\
         type Parsed<T> = Result<T, String>;\n\
         impl S {{\n  pub(super) fn many(&self, a: u8, b: u8, c: u8, d: u8, e: u8, f: u8)\n\
         -> Option<Result<u8, std::string::String>> {{ None }}\n\
         fn own(&self) -> Result<u8, String> {{}} }}\n\
         pub trait T {{ fn told(&self) -> Result<(), String>; }}\n\
         pub fn fine() -> Result<String, Error> {{}}\n\
         #[cfg(test)] mod tests {{ pub fn f() -> Result<u8, String> {{}} }}\n"
    );
    let parsed = syn::parse_file(&text).unwrap();
    let measured = Measured::of("src/x.rs", &parsed, &text);
    assert_eq!(measured.lines["src/x.rs: long"], 3 + 60);
    assert_eq!(long(&measured, &[]).len(), 0);
    assert_eq!(
        long(&measured, &["src/x.rs: long"]),
        ["src/x.rs: long is not too long any more: take it off the list"]
    );
    assert_eq!(
        taking_many(&measured, &[]),
        ["src/x.rs: S::many has 7 parameters"]
    );
    let names: Vec<&String> = measured.string_errors.iter().collect();
    assert_eq!(
        names,
        [
            "src/x.rs: Parsed",
            "src/x.rs: S::many",
            "src/x.rs: S::run",
            "src/x.rs: T::told"
        ]
    );
    let all = names.iter().map(|n| n.as_str()).collect::<Vec<_>>();
    assert_eq!(without_errors(&measured, &all), [""; 0]);
}

#[test]
fn no_function_is_longer_than_a_screen() {
    assert_none(&long(&MEASURED, STILL_LONG));
}

#[test]
fn no_function_takes_more_than_a_hand_can_hold() {
    assert_none(&taking_many(&MEASURED, STILL_TAKING_MANY));
}

#[test]
fn errors_that_others_see_are_types() {
    assert_none(&without_errors(&MEASURED, STILL_WITHOUT_ERRORS));
}
