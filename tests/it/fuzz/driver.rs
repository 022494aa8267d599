//! Mutates inputs and keeps the interesting ones.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What a target is run for when nobody says: all of them are a few seconds of `cargo test`.
const MOMENT: Duration = Duration::from_millis(700);
/// Inputs that mutations begin from.
const MOST_KEPT: usize = 2_000;
/// The longest input.
const MOST_BYTES: usize = 64 * 1024;
/// One input may take this long, in an unoptimised build on a machine under load.
const LONGEST: Duration = Duration::from_secs(5);

/// Something that reads bytes.
pub(super) struct Target {
    pub(super) name: &'static str,
    /// Reads; fails if something does not hold; returns a number that tells how it answered.
    pub(super) read: fn(&[u8]) -> u64,
    /// What inputs are made of.
    pub(super) words: &'static [&'static str],
}

/// A number after a number; the same ones after the same seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit.max(1) as u64).unwrap()
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// Returns the inputs that are kept in the repository.
pub(super) fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = root().join("tests/data/fuzz").join(name);
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths
        .iter()
        .map(|path| std::fs::read(path).unwrap())
        .collect()
}

fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(format!("CLAUDE_KERNEL_FUZZ_{name}")).ok()?;
    Some(text.parse().expect("a number"))
}

/// Feeds a target until the time is up.
#[expect(clippy::print_stdout, reason = "what `make fuzz` is asked for")]
pub(super) fn run(target: &Target) {
    let (limit, seed) = match setting("SECONDS") {
        Some(seconds) => (
            Duration::from_secs(seconds),
            setting("SEED").unwrap_or_else(fresh_seed),
        ),
        None => (MOMENT, setting("SEED").unwrap_or(1)),
    };
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut kept = corpus(target.name);
    let mut answers = HashSet::new();
    for input in &kept {
        answers.insert(feed(target, input, seed));
    }
    let (start, mut fed) = (Instant::now(), kept.len());
    while start.elapsed() < limit {
        let input = mutated(&kept, target.words, &mut random);
        if answers.insert(feed(target, &input, seed)) && kept.len() < MOST_KEPT {
            kept.push(input);
        }
        fed += 1;
    }
    println!(
        "{}: {fed} inputs, {} answers, seed {seed}",
        target.name,
        answers.len()
    );
}

fn fresh_seed() -> u64 {
    let now = std::time::SystemTime::now();
    let since = now.duration_since(std::time::UNIX_EPOCH).unwrap();
    since.as_secs() ^ u64::from(since.subsec_nanos())
}

fn feed(target: &Target, input: &[u8], seed: u64) -> u64 {
    let start = Instant::now();
    let read = catch_unwind(AssertUnwindSafe(|| (target.read)(input)));
    let took = start.elapsed();
    if let (Ok(answer), true) = (&read, took < LONGEST) {
        return *answer;
    }
    let folder = root().join("target/fuzz");
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join(format!("{}-{seed}-{}", target.name, input.len()));
    std::fs::write(&path, input).unwrap();
    panic!(
        "{}: see above, or it took {took:?}; mend it and keep `{}` in tests/data/fuzz/{}",
        target.name,
        path.display(),
        target.name
    );
}

fn mutated(kept: &[Vec<u8>], words: &[&str], random: &mut Random) -> Vec<u8> {
    let mut input = kept[random.below(kept.len())].clone();
    for _ in 0..=random.below(6) {
        mutate(&mut input, kept, words, random);
    }
    input.truncate(MOST_BYTES);
    input
}

fn mutate(input: &mut Vec<u8>, kept: &[Vec<u8>], words: &[&str], random: &mut Random) {
    let at = random.below(input.len() + 1);
    let end = at + random.below((input.len() - at).min(64) + 1);
    let insert = |input: &mut Vec<u8>, piece: &[u8]| {
        input.splice(at..at, piece.iter().copied());
    };
    match random.below(11) {
        0 if at < input.len() => input[at] ^= 1 << random.below(8),
        1 if at < input.len() => input[at] = random.next().to_le_bytes()[0],
        2 => {
            input.drain(at..end);
        }
        3 => {
            let piece = input[at..end].to_vec();
            insert(input, &piece);
        }
        4 | 5 if !words.is_empty() => insert(input, words[random.below(words.len())].as_bytes()),
        6 if !words.is_empty() => {
            let word = words[random.below(words.len())];
            insert(input, word.repeat(1 << random.below(9)).as_bytes());
        }
        7 => {
            let other = &kept[random.below(kept.len())];
            let from = random.below(other.len() + 1);
            input.truncate(at);
            input.extend_from_slice(&other[from..]);
        }
        8 => input.truncate(at),
        9 => {
            let numbers = [
                "0",
                "-1",
                "1e999",
                "4294967296",
                "18446744073709551616",
                "0.1e-400",
            ];
            insert(input, numbers[random.below(numbers.len())].as_bytes());
        }
        _ => insert(input, &random.next().to_le_bytes()[..1 + random.below(8)]),
    }
}
