//! What the offline backend answers to a prompt that no script knows: how such a prompt is answered
//! here, and how Claude answers it. Pure.

use super::request::Request;
use super::script::{self, Part};

const RAN: &str = "The offline backend ran the block in your prompt; no model was called. What it printed stands with the step above.";
const OFF: &str = "This prompt holds a block of code, but its request allows no code execution (`%tools default`).";
/// The script file that is named if nobody knows what the notebook is called.
const ANY_SCRIPT: &str = "answers.claude.md";
/// The longest prompt that is shown whole in the sample of a script, in characters. Of a longer one
/// its beginning is a pattern.
const MAX_CHARS: usize = 300;
/// How much of a long prompt the pattern holds, in characters.
const BEGINNING: usize = 60;

/// Answers a prompt that no script knows. `prompts` are the texts that may be the prompt, the
/// person's own last; `beside` is the script file that belongs to the notebook.
pub(super) fn answer(request: &Request, prompts: &[String], beside: Option<&str>) -> Vec<Part> {
    let step = prompts.iter().find_map(|text| script::step_in_prompt(text));
    let prompt = prompts.last().map_or("", String::as_str);
    match step {
        Some(step) if request.code_execution().is_some() => {
            vec![step, Part::Prose(RAN.to_owned())]
        }
        Some(_) => vec![Part::Prose(format!("{OFF}\n\n{}", lesson(prompt, beside)))],
        None => vec![Part::Prose(lesson(prompt, beside))],
    }
}

fn lesson(prompt: &str, beside: Option<&str>) -> String {
    let name = beside.unwrap_or(ANY_SCRIPT);
    let name: String = name
        .chars()
        .filter(|c| *c != '`' && !c.is_control())
        .collect();
    let sample = fenced(&sample(prompt));
    script::verbatim(&format!(
        "This is the offline kernel: no model was called, and no script knows this prompt. Here, prompts are \
answered in two ways.\n\n\
**A block of code in the prompt** is really run. Copy this into a cell:\n\n\
````text\nRun this:\n\n```python\nprint(6 * 7)\n```\n````\n\n\
**A script** says what is said and run. It is the file `{name}` in the notebook's folder, and is read again \
whenever it changes. This in it would answer your prompt:\n\n{sample}\n\n\
**For answers by Claude,** set `ANTHROPIC_API_KEY` where Jupyter is started, run `claude-kernel install`, and \
choose *Kernel → Change Kernel → Claude*. `%help keys` and `%help offline` say more."
    ))
}

/// The lines of a script that answer a prompt.
fn sample(prompt: &str) -> String {
    let prompt = prompt.trim();
    let is_line = !prompt.contains('\n') && !prompt.starts_with('/') && !prompt.ends_with('#');
    let heading = if prompt.chars().count() > MAX_CHARS {
        let words = prompt.split_whitespace().collect::<Vec<_>>().join(" ");
        let beginning: String = words.chars().take(BEGINNING).collect();
        format!("# /^{}/", regex::escape(&beginning))
    } else if is_line && !prompt.is_empty() {
        format!("# {prompt}")
    } else {
        format!("# A question\n\n{}", fenced_as("prompt", prompt))
    };
    format!(
        "{heading}\n\nHere is what was found.\n\n```bash\necho n=42 | tee -a \"$SCRIPT_VARS\"\n```\n\nThe answer is {{{{n}}}}."
    )
}

fn fenced(text: &str) -> String {
    fenced_as("text", text)
}

/// Puts a text in a fence that is longer than every one in it.
fn fenced_as(info: &str, text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}{info}\n{text}\n{fence}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the lesson shows answers the prompt it was given for.
    #[test]
    fn the_sample_is_a_script_that_answers_the_prompt() {
        for prompt in [
            "Which river is the longest?",
            "Two\nlines",
            "/usr/bin holds what?",
            "C#",
            "With a fence\n\n````text\nin it\n````",
            &"A long prompt (with odd signs: [*], {{x}}). ".repeat(50),
        ] {
            let turns = script::parse("a.claude.md", &sample(prompt)).unwrap();
            let mut scripts = script::Scripts::default();
            scripts.add(turns);
            let found = scripts.find(prompt);
            let found =
                found.unwrap_or_else(|| panic!("{prompt} is not answered by:\n{}", sample(prompt)));
            assert!(
                matches!(found.turn.parts.last(), Some(Part::Prose(text)) if text.contains("{{n}}"))
            );
        }
    }

    /// A prompt that holds braces is repeated as it stands.
    #[test]
    fn braces_of_a_prompt_are_kept() {
        let prompt = "In {{city}} and \\{{town}}";
        let lesson = lesson(prompt, None);
        let said = script::fill(&lesson, &script::Variables::new());
        assert!(said.is_ok_and(|said| said.contains(prompt)));
    }

    #[test]
    fn the_lesson_names_the_file_the_block_and_the_key() {
        let text = lesson("Hi?", Some("my`\nbook.claude.md"));
        for part in [
            "`mybook.claude.md`",
            "```python\nprint(6 * 7)",
            "# Hi?",
            "ANTHROPIC_API_KEY",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(lesson("", None).contains("`answers.claude.md`"));
    }
}
