//! What a person may have meant by a name that is not known.

/// How many near names a hint gives.
const NEAR: usize = 3;
/// Longest name that is compared with others, in bytes.
const LONGEST: usize = 64;

/// Returns up to three of `known` that `name` may have been meant as, nearest first.
pub(super) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    if name.len() > LONGEST {
        return Vec::new();
    }
    let limit = (name.chars().count() / 3).clamp(1, 3);
    let mut near: Vec<(usize, &str)> = known
        .into_iter()
        .filter_map(|candidate| {
            let distance = strsim::osa_distance(name, candidate);
            let begins = name.len() >= 2 && candidate.starts_with(name);
            (distance <= limit || begins).then_some((distance, candidate))
        })
        .collect();
    near.sort_unstable();
    near.dedup();
    near.into_iter()
        .take(NEAR)
        .map(|(_, candidate)| candidate)
        .collect()
}

/// Writes names as a choice: `` `%a`, `%b` or `%c` ``.
pub(super) fn quoted(names: &[&str], sign: &str) -> Option<String> {
    let names: Vec<String> = names.iter().map(|name| format!("`{sign}{name}`")).collect();
    let (last, others) = names.split_last()?;
    if others.is_empty() {
        return Some(last.clone());
    }
    Some(format!("{} or {last}", others.join(", ")))
}
