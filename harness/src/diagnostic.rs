//! What is wrong with a scenario file, shown where it is, with the way out.

use std::fmt::{self, Write};
use std::ops::Range;
use std::sync::Arc;

use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents, SourceCode,
    SourceSpan, SpanContents,
};
use vm::text::{acts, one_line};

/// Columns of a report: as wide as the project's own lines.
const WIDTH: usize = 110;
/// Bytes above which a text is no word that was meant to be another.
const LONGEST_WORD: usize = 100;
/// Words that are listed, if none is near.
const LISTED: usize = 150;
/// Problems that are shown.
const SHOWN: usize = 20;
/// Characters of a message, a label or a help.
const LONGEST: usize = 2000;
/// Bytes of a snippet of a few lines. Of a longer one no more is shown than so many around what is meant.
const SNIPPET: usize = 1000;
const AROUND: usize = 50;
/// Letters below which a part of a word says nothing of what was meant.
const SHORTEST_PART: usize = 4;

/// One problem.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct Diagnostic {
    /// What is wrong, naming the thing.
    pub message: String,
    /// The way out.
    pub help: Option<String>,
    place: Option<Box<Place>>,
}

/// Where in which file.
#[derive(Debug, Clone)]
struct Place {
    file: Excerpt,
    span: Range<usize>,
    label: String,
}

impl Diagnostic {
    /// A problem of no line in particular.
    pub fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Diagnostic { message: cut(message.into()), help: Some(cut(help.into())), place: None }
    }

    /// A problem at a span (in bytes) of a file's text; `label` is written below the snippet.
    pub fn at(
        file: &str,
        text: &Arc<str>,
        span: Range<usize>,
        message: impl Into<String>,
        label: impl Into<String>,
    ) -> Self {
        let file = Excerpt { file: file.to_owned(), text: Arc::clone(text) };
        let span = file.shown(span);
        let place = Box::new(Place { file, span, label: cut(label.into()) });
        Diagnostic { message: cut(message.into()), help: None, place: Some(place) }
    }

    /// Adds the way out.
    pub fn with_help(mut self, help: impl Into<Option<String>>) -> Self {
        self.help = help.into().map(cut);
        self
    }

    /// The same with nothing in it that a terminal acts on: a snippet is of a file that may hold anything.
    fn plain(&self) -> Self {
        let place = self.place.as_ref().map(|place| {
            let file = Excerpt { file: one_line(&place.file.file), text: same_length(&place.file.text) };
            Box::new(Place { file, span: place.span.clone(), label: one_line(&place.label) })
        });
        Diagnostic { message: one_line(&self.message), help: self.help.as_deref().map(one_line), place }
    }

    fn key(&self) -> (Option<&str>, usize) {
        (self.file(), self.place.as_ref().map_or(0, |place| place.span.start))
    }

    fn file(&self) -> Option<&str> {
        self.place.as_ref().map(|place| place.file.file.as_str())
    }
}

/// At most so many characters as a person reads.
fn cut(text: String) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => text[..at].to_owned() + "…",
        None => text,
    }
}

/// A file, of which no more is shown than fits on a screen: a line may be as long as the file.
#[derive(Debug, Clone)]
struct Excerpt {
    file: String,
    text: Arc<str>,
}

impl Excerpt {
    /// The part of a span that is shown.
    fn shown(&self, span: Range<usize>) -> Range<usize> {
        let start = self.boundary(span.start.min(self.text.len()));
        start..self.boundary(span.end.clamp(start, start + SNIPPET / 10).min(self.text.len()))
    }

    /// The nearest place before this one where a character begins.
    fn boundary(&self, at: usize) -> usize {
        (0..=at).rev().find(|&at| self.text.is_char_boundary(at)).unwrap_or(0)
    }
}

impl SourceCode for Excerpt {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let whole = (*self.text).read_span(span, before, after)?;
        let around = if whole.span().len() > SNIPPET { AROUND } else { SNIPPET };
        let (begins, ends) = (whole.span().offset(), whole.span().offset() + whole.span().len());
        let from = self.boundary(span.offset().saturating_sub(around)).max(begins);
        let to = self.boundary((span.offset() + span.len() + around).min(self.text.len())).min(ends);
        let skipped = &self.text[begins..from];
        let line = whole.line() + skipped.matches('\n').count();
        let column = match skipped.rsplit_once('\n') {
            Some((_, last)) => last.len(),
            None => whole.column() + skipped.len(),
        };
        let (bytes, shown) = (&self.text.as_bytes()[from..to], SourceSpan::from(from..to));
        let contents =
            MietteSpanContents::new_named(self.file.clone(), bytes, shown, line, column, whole.line_count());
        Ok(Box::new(contents.with_language("TOML")))
    }
}

impl miette::Diagnostic for Diagnostic {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.place.as_ref().map(|place| &place.file as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let place = self.place.as_ref()?;
        let label = (!place.label.is_empty()).then(|| place.label.clone());
        Some(Box::new(std::iter::once(LabeledSpan::new_with_span(label, place.span.clone()))))
    }
}

/// Every problem of every file that was read.
#[derive(Debug, Clone)]
pub struct Diagnostics(Vec<Diagnostic>);

impl From<Vec<Diagnostic>> for Diagnostics {
    fn from(mut problems: Vec<Diagnostic>) -> Self {
        problems.sort_by(|a, b| a.key().cmp(&b.key()));
        Diagnostics(problems)
    }
}

impl Diagnostics {
    /// The problems, by file and position.
    pub fn problems(&self) -> &[Diagnostic] {
        &self.0
    }

    /// The report for people, with colours if asked.
    pub fn render(&self, colour: bool) -> String {
        let theme = if colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
        let handler = GraphicalReportHandler::new_themed(theme).with_width(WIDTH).with_links(false);
        let mut out = String::new();
        for problem in self.0.iter().take(SHOWN) {
            handler.render_report(&mut out, &problem.plain()).expect("a String takes every text");
            out.push('\n');
        }
        if self.0.len() > SHOWN {
            writeln!(out, "and {} more\n", self.0.len() - SHOWN).expect("a String takes every text");
        }
        out + &self.summary()
    }

    fn summary(&self) -> String {
        let mut files: Vec<_> = self.0.iter().filter_map(Diagnostic::file).collect();
        files.dedup();
        let problems = plural(self.0.len(), "problem");
        match files.len() {
            0 => format!("{problems}; nothing was run"),
            count => format!("{problems} in {}; nothing was run", plural(count, "file")),
        }
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Diagnostics {}

/// A text in which each character that acts has others in its place, as many bytes: every span stays where it is.
fn same_length(text: &Arc<str>) -> Arc<str> {
    let kept = |c: char| matches!(c, '\n' | '\r' | '\t') || !acts(c);
    if text.chars().all(kept) {
        return Arc::clone(text);
    }
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c.len_utf8() {
            _ if kept(c) => plain.push(c),
            2 => plain.push('\u{b7}'),
            3 => plain.push('\u{fffd}'),
            bytes => plain.extend(std::iter::repeat_n(' ', bytes)),
        }
    }
    plain.into()
}

/// `1 file`, `2 files`.
pub(crate) fn plural(count: usize, noun: &str) -> String {
    format!("{count} {}", if count == 1 { noun.to_owned() } else { several(noun) })
}

fn several(noun: &str) -> String {
    noun.strip_suffix('y').map_or_else(|| format!("{noun}s"), |stem| format!("{stem}ies"))
}

/// The help for a word that is none of `words`: the nearest one, else all of them.
pub(crate) fn suggest(word: &str, kind: &str, words: &[&str]) -> String {
    match nearest(word, words) {
        Some(near) => format!("did you mean `{near}`?"),
        None if words.is_empty() => format!("there is no {kind} here"),
        None if words.len() > LISTED => {
            let (first, last) = (words[0], words[words.len() - 1]);
            format!("there are {} {}, from `{first}` to `{last}`", words.len(), several(kind))
        }
        None => format!("the {} are: {}", several(kind), words.join(", ")),
    }
}

/// The word that `word` was most likely meant to be: at most a third of its letters differ, or one is a part of the other.
pub(crate) fn nearest<'a>(word: &str, words: &[&'a str]) -> Option<&'a str> {
    if word.len() > LONGEST_WORD {
        return None;
    }
    let wanted = word.to_lowercase();
    let limit = word.chars().count().max(3) / 3;
    let distance = |candidate: &str| strsim::damerau_levenshtein(&wanted, &candidate.to_lowercase());
    let best = words.iter().map(|candidate| (distance(candidate), *candidate)).min()?;
    if best.0 <= limit {
        return Some(best.1);
    }
    let part = |candidate: &&&str| {
        let candidate = candidate.to_lowercase();
        let shorter = candidate.len().min(wanted.len());
        shorter >= SHORTEST_PART && (candidate.contains(&wanted) || wanted.contains(&candidate))
    };
    words.iter().filter(part).min_by_key(|candidate| distance(candidate)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snippet_and_a_name_act_on_nothing() {
        let text: Arc<str> = "a = \"\u{1b}[2J\u{9b}2J\u{202e}x\"\nb = wrong\n".into();
        let at = text.find("wrong").unwrap();
        let named = "a\u{1b}[2J\n::error::.toml";
        let problem = Diagnostic::at(named, &text, at..at + 5, "no \u{9b}value\n::error::", "here\u{7}");
        let shown = Diagnostics::from(vec![problem.with_help("help\u{202e}".to_owned())]).render(false);
        assert!(!shown.chars().any(|c| c != '\n' && acts(c)), "{shown}");
        assert!(
            shown.contains("b = wrong") && !shown.lines().any(|line| line.trim().starts_with("::")),
            "{shown}"
        );
    }

    #[test]
    fn the_nearest_word_is_near() {
        let words = ["hostname", "domainname", "set-hostname", "EPERM", "CAP_CHOWN"];
        assert_eq!(nearest("hostnam", &words), Some("hostname"));
        assert_eq!(nearest("eprem", &words), Some("EPERM"));
        assert_eq!(nearest("cap_chow", &words), Some("CAP_CHOWN"));
        assert_eq!(nearest("SIGPIPE", &["HUP", "PIPE"]), Some("PIPE"));
        assert_eq!(nearest("ping", &words), None);
        assert_eq!(nearest("x", &[]), None);
    }
}
