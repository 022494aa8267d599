//! The library's source as a compiler sees it: which file is which module, what each file names
//! in other files, and where its functions begin and end.
//!
//! Test code (`#[cfg(test)]`) is left out: it may know everybody.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};

use super::imports::module_path;

/// A module's path below the crate's root: `["cell", "magics"]`.
pub(super) type ModulePath = Vec<String>;

/// One module, inline ones included.
#[derive(Debug, Default)]
struct Module {
    file: String,
    /// A name that a `use` brought in, and the path it stands for.
    names: BTreeMap<String, Vec<String>>,
    /// What is brought in by `use path::*`.
    globs: Vec<Vec<String>>,
}

/// A path that is written in a module, as it is written.
#[derive(Debug)]
struct Named {
    module: ModulePath,
    path: Vec<String>,
}

/// All files of `src`, parsed, without their tests.
#[derive(Default)]
pub(super) struct House {
    modules: BTreeMap<ModulePath, Module>,
    named: Vec<Named>,
    /// The files that are left after those of tests.
    pub(super) files: BTreeMap<String, syn::File>,
}

impl House {
    /// Reads files given as path and text. A file that is not Rust is an error of the test.
    pub(super) fn read<'a>(sources: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut house = Self::default();
        for (file, text) in sources {
            let parsed = syn::parse_file(text).unwrap_or_else(|e| panic!("{file}: {e}"));
            house.files.insert(file.to_owned(), parsed);
        }
        let tests = house.modules_of_tests();
        house.files.retain(|file, _| {
            let path = module_path(file);
            !tests.iter().any(|test| path.starts_with(test))
        });
        for (file, parsed) in std::mem::take(&mut house.files) {
            let mut reader = Reader {
                file: &file,
                module: module_path(&file),
                modules: &mut house.modules,
                named: &mut house.named,
            };
            reader.open_module();
            reader.visit_file(&parsed);
            house.files.insert(file, parsed);
        }
        house
    }

    /// Modules in files of their own that are declared for tests only.
    fn modules_of_tests(&self) -> BTreeSet<ModulePath> {
        let mut found = BTreeSet::new();
        for (file, parsed) in &self.files {
            for item in &parsed.items {
                if let syn::Item::Mod(module) = item
                    && module.content.is_none()
                    && for_tests(&module.attrs)
                {
                    let mut path = module_path(file);
                    path.push(module.ident.to_string());
                    found.insert(path);
                }
            }
        }
        found
    }

    /// Which files each file names something of. A name that is only passed on (`pub use`) leads
    /// to the file that defines it.
    pub(super) fn arrows(&self) -> BTreeMap<String, BTreeMap<String, BTreeSet<String>>> {
        let mut arrows: BTreeMap<String, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
        for named in &self.named {
            let Some(from) = self.modules.get(&named.module) else {
                continue;
            };
            let Some(to) = self.defining_file(&named.module, &named.path, 0) else {
                continue;
            };
            if to != from.file {
                arrows
                    .entry(from.file.clone())
                    .or_default()
                    .entry(to)
                    .or_default()
                    .insert(named.path.join("::"));
            }
        }
        arrows
    }

    /// The file that defines what `path` names when it stands in `module`; nothing where it leads
    /// out of the crate, or to a module itself.
    fn defining_file(&self, module: &[String], path: &[String], depth: usize) -> Option<String> {
        let (mut here, rest) = self.start_of(module, path, depth)?;
        for (at, segment) in rest.iter().enumerate() {
            if segment == "self" {
                continue;
            }
            let mut child = here.clone();
            child.push(segment.clone());
            if self.modules.contains_key(&child) {
                here = child;
                continue;
            }
            let this = self.modules.get(&here)?;
            if depth > 8 {
                return Some(this.file.clone());
            }
            if let Some(passed_on) = this.names.get(segment) {
                let mut longer = passed_on.clone();
                longer.extend(rest.iter().skip(at + 1).cloned());
                return self.defining_file(&here, &longer, depth + 1);
            }
            let through_glob = this.globs.iter().find_map(|glob| {
                let mut longer = glob.clone();
                longer.extend(rest.iter().skip(at).cloned());
                let file = self.defining_file(&here, &longer, depth + 1)?;
                (file != this.file && self.defines(&file, segment)).then_some(file)
            });
            return Some(through_glob.unwrap_or_else(|| this.file.clone()));
        }
        None
    }

    /// The module where a path begins, and what is left of the path below it.
    fn start_of<'p>(
        &self,
        module: &[String],
        path: &'p [String],
        depth: usize,
    ) -> Option<(ModulePath, &'p [String])> {
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" | "claude_kernel" => Some((Vec::new(), rest)),
            "self" => Some((module.to_vec(), rest)),
            "super" => {
                let ups = path.iter().take_while(|s| *s == "super").count();
                let kept = module.len().checked_sub(ups)?;
                Some((module.get(..kept)?.to_vec(), path.get(ups..)?))
            }
            name => {
                let mut child = module.to_vec();
                child.push(name.to_owned());
                let known = self.modules.contains_key(&child)
                    || depth < 8 && self.modules.get(module)?.names.contains_key(name);
                known.then(|| (module.to_vec(), path))
            }
        }
    }

    /// Does the file define an item of this name at its top level?
    fn defines(&self, file: &str, name: &str) -> bool {
        self.files.get(file).is_some_and(|f| {
            f.items
                .iter()
                .any(|item| name_of(item).is_some_and(|n| n == name))
        })
    }

    /// Is there such a file?
    pub(super) fn has(&self, file: &str) -> bool {
        self.files.contains_key(file)
    }
}

/// The name of an item that others can use.
fn name_of(item: &syn::Item) -> Option<&syn::Ident> {
    match item {
        syn::Item::Const(i) => Some(&i.ident),
        syn::Item::Enum(i) => Some(&i.ident),
        syn::Item::Fn(i) => Some(&i.sig.ident),
        syn::Item::Macro(i) => i.ident.as_ref(),
        syn::Item::Static(i) => Some(&i.ident),
        syn::Item::Struct(i) => Some(&i.ident),
        syn::Item::Trait(i) => Some(&i.ident),
        syn::Item::Type(i) => Some(&i.ident),
        _ => None,
    }
}

/// Is this compiled for tests only?
pub(super) fn for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("test")
            || attribute.path().is_ident("cfg")
                && attribute
                    .meta
                    .require_list()
                    .is_ok_and(|list| list.tokens.to_string() == "test")
    })
}

/// Walks one file and notes its modules, its `use` lines and every path in it.
struct Reader<'a> {
    file: &'a str,
    module: ModulePath,
    modules: &'a mut BTreeMap<ModulePath, Module>,
    named: &'a mut Vec<Named>,
}

impl Reader<'_> {
    fn open_module(&mut self) {
        let module = self.modules.entry(self.module.clone()).or_default();
        module.file = self.file.to_owned();
    }

    fn note(&mut self, path: Vec<String>) {
        self.named.push(Named {
            module: self.module.clone(),
            path,
        });
    }

    fn note_use(&mut self, tree: &syn::UseTree, before: &[String]) {
        let mut path = before.to_vec();
        match tree {
            syn::UseTree::Path(inner) => {
                path.push(inner.ident.to_string());
                self.note_use(&inner.tree, &path);
            }
            syn::UseTree::Group(group) => {
                for inner in &group.items {
                    self.note_use(inner, &path);
                }
            }
            syn::UseTree::Name(name) => {
                if name.ident != "self" {
                    path.push(name.ident.to_string());
                }
                let known_as = path.last().cloned().unwrap_or_default();
                self.bring_in(known_as, path);
            }
            syn::UseTree::Rename(name) => {
                if name.ident != "self" {
                    path.push(name.ident.to_string());
                }
                self.bring_in(name.rename.to_string(), path);
            }
            syn::UseTree::Glob(_) => {
                if let Some(module) = self.modules.get_mut(&self.module) {
                    module.globs.push(path);
                }
            }
        }
    }

    fn bring_in(&mut self, known_as: String, path: Vec<String>) {
        if path.len() > 1
            && let Some(module) = self.modules.get_mut(&self.module)
        {
            module.names.insert(known_as, path.clone());
        }
        self.note(path);
    }

    /// The arguments of a macro are no syntax yet: paths are read from its words.
    fn note_tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(word) => {
                    if colons != 2 {
                        self.note_words(&mut path);
                    }
                    path.push(word.to_string());
                    colons = 0;
                }
                TokenTree::Punct(p) if p.as_char() == ':' && colons < 2 => colons += 1,
                TokenTree::Group(group) => {
                    self.note_words(&mut path);
                    self.note_tokens(group.stream());
                    colons = 0;
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {
                    self.note_words(&mut path);
                    colons = 0;
                }
            }
        }
        self.note_words(&mut path);
    }

    fn note_words(&mut self, path: &mut Vec<String>) {
        let path = std::mem::take(path);
        if path.len() > 1 {
            self.note(path);
        }
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        let attributes: &[syn::Attribute] = match item {
            syn::Item::Mod(i) => &i.attrs,
            syn::Item::Use(i) => &i.attrs,
            syn::Item::Fn(i) => &i.attrs,
            syn::Item::Impl(i) => &i.attrs,
            syn::Item::Const(i) => &i.attrs,
            syn::Item::Struct(i) => &i.attrs,
            _ => &[],
        };
        if !for_tests(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        if !for_tests(&function.attrs) {
            visit::visit_impl_item_fn(self, function);
        }
    }

    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if module.content.is_some() {
            self.module.push(module.ident.to_string());
            self.open_module();
            visit::visit_item_mod(self, module);
            self.module.pop();
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.note_use(&item.tree, &[]);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let words: Vec<String> = path.segments.iter().map(|s| s.ident.to_string()).collect();
        if words.len() > 1 && path.leading_colon.is_none() {
            self.note(words);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.note_tokens(call.tokens.clone());
        visit::visit_macro(self, call);
    }

    fn visit_attribute(&mut self, _: &'ast syn::Attribute) {}
}

#[test]
fn names_lead_to_the_file_that_defines_them() {
    let house = House::read([
        (
            "src/lib.rs",
            "pub mod a; pub mod b; pub use b::deep::Thing;",
        ),
        (
            "src/a.rs",
            "use crate::{b::{self, Passed as Other, deep::{Thing, f}}, c};
             use std::fmt;
             fn g() { b::h(); fmt::x(); String::new(); println!(\"{}\", crate::c::inner::K); }
             #[cfg(test)] mod tests { use crate::only_tests::X; }",
        ),
        (
            "src/b/mod.rs",
            "pub mod deep; pub use deep::Passed; pub use deep::*; pub fn h() {}
             #[cfg(test)] mod tests;",
        ),
        (
            "src/b/deep.rs",
            "pub struct Thing; pub struct Passed; pub struct Globbed; fn f() {}",
        ),
        ("src/b/tests.rs", "use crate::a::g;"),
        (
            "src/c.rs",
            "use super::b::Globbed; mod inner { use super::super::a::g; pub const K: u8 = 1; }",
        ),
        ("src/only_tests.rs", "pub struct X;"),
    ]);
    let arrows: Vec<String> = house
        .arrows()
        .into_iter()
        .flat_map(|(from, to)| to.into_keys().map(move |to| format!("{from} {to}")))
        .collect();
    assert_eq!(
        arrows,
        [
            "src/a.rs src/b/deep.rs",
            "src/a.rs src/b/mod.rs",
            "src/a.rs src/c.rs",
            "src/b/mod.rs src/b/deep.rs",
            "src/c.rs src/a.rs",
            "src/c.rs src/b/deep.rs",
            "src/lib.rs src/b/deep.rs",
        ]
    );
    assert!(house.has("src/c.rs") && !house.has("src/b/tests.rs"));
}
