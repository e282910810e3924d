//! The quick way through a template: what nearly all templates are made of, without Handlebars' bookkeeping.
//!
//! [`Quick::new`] knows text, variables, `if`, `unless`, `each`, whole partials, fixed words and dates. For a template that
//! holds anything else there is no quick way, and at data that would be an error [`Quick::run`] gives up, so that Handlebars
//! says what is wrong. What it does write is byte for byte what Handlebars would write; a test holds the two
//! against each other.

use handlebars::template::{DecoratorTemplate, HelperTemplate, Parameter, Template, TemplateElement};
use handlebars::{Handlebars, JsonRender, JsonTruthy, Path, PathSeg};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::language::Language;
use crate::render::phrases;

/// The names that Handlebars takes for helpers where they stand alone.
const HELPERS: [&str; 19] = [
    "if", "unless", "each", "with", "lookup", "raw", "log", "eq", "ne", "gt", "gte", "lt", "lte", "and",
    "or", "not", "len", "t", "date",
];

/// How deep blocks and partials may stand in each other.
const MAX_DEPTH: usize = 16;

/// A template, ready to run.
pub(super) struct Quick(Vec<Step>);

enum Step {
    Text(String),
    /// A variable.
    Value {
        path: Vec<String>,
        raw: bool,
    },
    /// One of two, as a variable is true or not.
    If {
        path: Vec<String>,
        yes: Vec<Step>,
        no: Vec<Step>,
    },
    /// Once for every item of a list.
    Each {
        path: Vec<String>,
        steps: Vec<Step>,
    },
    /// Fixed words.
    Words {
        key: String,
        raw: bool,
    },
    /// A day, or a day and its time.
    Date {
        path: Vec<String>,
        moment: bool,
        raw: bool,
    },
}

impl Quick {
    /// The template `name` of `registry`, if there is a quick way.
    pub(super) fn new(registry: &Handlebars<'_>, name: &str) -> Option<Quick> {
        let steps = Reader { registry }.template(registry.get_template(name)?, 0)?;
        Some(Quick(steps))
    }

    /// Runs it over `data`; nothing where Handlebars would find something wrong.
    pub(super) fn run(&self, data: &Value, zone: &TimeZone, escape: bool) -> Option<String> {
        let language = data.get("language").and_then(Value::as_str).and_then(|tag| tag.parse().ok());
        let language = language.unwrap_or_else(Language::english);
        let mut writer = Writer { out: String::with_capacity(16 * 1024), language, zone, escape };
        writer.steps(&self.0, data)?;
        Some(writer.out)
    }
}

struct Reader<'r> {
    registry: &'r Handlebars<'r>,
}

impl Reader<'_> {
    fn template(&self, template: &Template, depth: usize) -> Option<Vec<Step>> {
        let mut steps = Vec::new();
        for element in &template.elements {
            match element {
                TemplateElement::RawString(text) => steps.push(Step::Text(text.clone())),
                TemplateElement::Expression(helper) => steps.push(expression(helper, false)?),
                TemplateElement::HtmlExpression(helper) => steps.push(expression(helper, true)?),
                TemplateElement::HelperBlock(helper) => steps.push(self.block(helper, depth)?),
                TemplateElement::PartialExpression(partial) => steps.extend(self.partial(partial, depth)?),
                TemplateElement::Comment(_) => {}
                _ => return None,
            }
        }
        Some(steps)
    }

    fn block(&self, helper: &HelperTemplate, depth: usize) -> Option<Step> {
        if depth > MAX_DEPTH || !helper.hash.is_empty() || helper.block_param.is_some() || helper.chain {
            return None;
        }
        let [Parameter::Path(path)] = helper.params.as_slice() else { return None };
        let path = names(path)?;
        let inside = |template: &Option<Template>| match template {
            Some(template) => self.template(template, depth + 1),
            None => Some(Vec::new()),
        };
        let (first, second) = (inside(&helper.template)?, inside(&helper.inverse)?);
        match helper.name.as_name()? {
            "if" => Some(Step::If { path, yes: first, no: second }),
            "unless" => Some(Step::If { path, yes: second, no: first }),
            "each" if helper.inverse.is_none() => Some(Step::Each { path, steps: first }),
            _ => None,
        }
    }

    /// A partial that is given nothing of its own.
    fn partial(&self, partial: &DecoratorTemplate, depth: usize) -> Option<Vec<Step>> {
        let bare = partial.params.is_empty()
            && partial.hash.is_empty()
            && partial.template.is_none()
            && partial.indent.is_none();
        if !bare || depth > MAX_DEPTH {
            return None;
        }
        self.template(self.registry.get_template(partial.name.as_name()?)?, depth + 1)
    }
}

fn expression(helper: &HelperTemplate, raw: bool) -> Option<Step> {
    if !helper.hash.is_empty() || helper.block {
        return None;
    }
    let name = helper.name.as_name()?;
    let word = |parameter: &Parameter| match parameter {
        Parameter::Literal(Value::String(word)) => Some(word.clone()),
        _ => None,
    };
    match (name, helper.params.as_slice()) {
        ("t", [key]) => Some(Step::Words { key: word(key)?, raw }),
        ("date", [Parameter::Path(path)]) => Some(Step::Date { path: names(path)?, moment: false, raw }),
        ("date", [Parameter::Path(path), form]) => {
            let moment = match word(form)?.as_str() {
                "moment" => true,
                "day" => false,
                _ => return None,
            };
            Some(Step::Date { path: names(path)?, moment, raw })
        }
        (name, []) if !HELPERS.contains(&name) => match &helper.name {
            Parameter::Path(path) => Some(Step::Value { path: names(path)?, raw }),
            Parameter::Name(name) => {
                // Handlebars reads a name as a path as well.
                let path = Path::parse(name).ok()?;
                Some(Step::Value { path: names(&path)?, raw })
            }
            _ => None,
        },
        _ => None,
    }
}

/// The names that lead to a value from where a template stands.
fn names(path: &Path) -> Option<Vec<String>> {
    let Path::Relative((segments, _)) = path else { return None };
    let name = |segment: &PathSeg| match segment {
        PathSeg::Named(name) => Some(name.clone()),
        _ => None,
    };
    segments.iter().map(name).collect()
}

struct Writer<'z> {
    out: String,
    language: Language,
    zone: &'z TimeZone,
    /// Whether what is not raw is escaped for HTML.
    escape: bool,
}

impl Writer<'_> {
    fn steps(&mut self, steps: &[Step], here: &Value) -> Option<()> {
        for step in steps {
            match step {
                Step::Text(text) => self.out.push_str(text),
                Step::Value { path, raw } => match find(here, path)? {
                    Value::String(text) => self.put(text, *raw),
                    other => self.put(&other.render(), *raw),
                },
                Step::If { path, yes, no } => {
                    // What is not there is not true.
                    let yes_it_is = find(here, path).is_some_and(|value| value.is_truthy(false));
                    let chosen = if yes_it_is { yes } else { no };
                    self.steps(chosen, here)?;
                }
                Step::Each { path, steps } => {
                    for item in find(here, path)?.as_array()? {
                        self.steps(steps, item)?;
                    }
                }
                Step::Words { key, raw } => {
                    let words = phrases::phrase(&self.language, key)?;
                    self.put(words, *raw);
                }
                Step::Date { path, moment, raw } => {
                    let instant: Timestamp = find(here, path)?.as_str()?.parse().ok()?;
                    let date = if *moment { phrases::moment } else { phrases::date };
                    let words = date(&self.language, self.zone, instant);
                    self.put(&words, *raw);
                }
            }
        }
        Some(())
    }

    fn put(&mut self, text: &str, raw: bool) {
        if raw || !self.escape {
            self.out.push_str(text);
            return;
        }
        // What Handlebars escapes.
        let mut from = 0;
        for (at, byte) in text.bytes().enumerate() {
            let entity = match byte {
                b'<' => "&lt;",
                b'>' => "&gt;",
                b'"' => "&quot;",
                b'&' => "&amp;",
                b'\'' => "&#x27;",
                b'`' => "&#x60;",
                b'=' => "&#x3D;",
                _ => continue,
            };
            self.out.push_str(&text[from..at]);
            self.out.push_str(entity);
            from = at + 1;
        }
        self.out.push_str(&text[from..]);
    }
}

fn find<'v>(here: &'v Value, path: &[String]) -> Option<&'v Value> {
    path.iter().try_fold(here, |value, name| value.as_object()?.get(name))
}
