//! Handlebars templates: the newsroom's own, over those that are built in.
//!
//! Templates live in `templates/email` (MJML), `templates/newsroom` (HTML) and `templates/social`
//! (text). Which one renders an edition: the one that the release's variant names, else
//! `AUDIENCE.hbs`, else `default.hbs`. Variables are strict: a misspelt one is an error, never an
//! empty place. Data is data: text with braces in it is printed, not run.
//!
//! Beside Handlebars' own helpers there are two:
//! - `{{t "unsubscribe"}}` writes fixed words in the reader's language; `{{t "why" recipient list=list}}`
//!   fills their blanks.
//! - `{{date published}}` writes a day, `{{date published "moment"}}` a day with time and zone.

mod lint;
mod quick;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use handlebars::{
    Context, Handlebars, Helper, HelperDef, RenderContext, RenderErrorReason, ScopedJson, no_escape,
};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::{RenderError, phrases};
use crate::finding::{nearest, position};
use crate::language::Language;

pub(super) use lint::mjml_error;
use quick::Quick;

/// The templates that every newsroom has.
const BUILT_IN: [(&str, &str); 9] = [
    ("email/default", include_str!("../../../templates/email/default.hbs")),
    ("email/digest", include_str!("../../../templates/email/digest.hbs")),
    ("email/dark", include_str!("../../../templates/email/dark.hbs")),
    ("email/head", include_str!("../../../templates/email/head.hbs")),
    ("email/top", include_str!("../../../templates/email/top.hbs")),
    ("email/foot", include_str!("../../../templates/email/foot.hbs")),
    ("newsroom/default", include_str!("../../../templates/newsroom/default.hbs")),
    ("newsroom/style", include_str!("../../../templates/newsroom/style.hbs")),
    ("social/default", include_str!("../../../templates/social/default.hbs")),
];

/// All templates of a newsroom, compiled.
pub(super) struct Templates {
    html: Handlebars<'static>,
    text: Handlebars<'static>,
    sources: BTreeMap<String, String>,
    /// What every template includes.
    partials: BTreeMap<String, Vec<String>>,
    /// By template, its answers to [`Templates::reads`].
    read: Mutex<HashMap<String, HashMap<String, bool>>>,
    broken: BTreeMap<String, RenderError>,
    /// The quick ways there are.
    quick: HashMap<String, Quick>,
    zone: TimeZone,
}

impl Templates {
    /// Compiles the templates in `files` over the built-in ones. A broken one is an error only
    /// for the editions that need it.
    pub(super) fn new(files: &BTreeMap<String, Arc<[u8]>>, zone: &TimeZone) -> Templates {
        let mut html = Handlebars::new();
        let mut text = Handlebars::new();
        text.register_escape_fn(no_escape);
        for registry in [&mut html, &mut text] {
            registry.set_strict_mode(true);
            registry.set_prevent_indent(true);
            registry.register_helper("t", Box::new(Words));
            registry.register_helper("date", Box::new(Date(zone.clone())));
        }
        let mut templates = Templates {
            html,
            text,
            sources: BTreeMap::new(),
            partials: BTreeMap::new(),
            read: Mutex::default(),
            broken: BTreeMap::new(),
            quick: HashMap::new(),
            zone: zone.clone(),
        };
        for (name, source) in BUILT_IN {
            templates.add(name, Ok(source));
        }
        for (path, bytes) in files {
            let name = path.strip_prefix("templates/").and_then(|rest| rest.strip_suffix(".hbs"));
            if let Some(name) = name.filter(|name| name.contains('/')) {
                templates.add(name, std::str::from_utf8(bytes).map_err(|error| error.valid_up_to()));
            }
        }
        templates.refuse_circles();
        templates.quicken();
        templates
    }

    /// Finds quick ways for the templates that are run for every edition; mails keep what theirs make.
    fn quicken(&mut self) {
        let wanted = |name: &&String| !name.starts_with("email/") && !self.breaks(name);
        let quick = self
            .sources
            .keys()
            .filter(wanted)
            .filter_map(|name| Some((name.clone(), Quick::new(self.registry(name), name)?)));
        self.quick = quick.collect();
    }

    fn registry(&self, name: &str) -> &Handlebars<'static> {
        if name.starts_with("social/") { &self.text } else { &self.html }
    }

    /// Whether the template, or one that it includes, is broken.
    fn breaks(&self, name: &str) -> bool {
        self.broken.contains_key(name) || self.includes(name).iter().any(|partial| self.breaks(partial))
    }

    fn add(&mut self, name: &str, source: Result<&str, usize>) {
        self.broken.remove(name);
        let file = file(name);
        let source = match source {
            Ok(source) => source,
            Err(at) => {
                let message = format!("the file is not UTF-8 from byte {at} on; save it as UTF-8");
                self.broken
                    .insert(name.to_owned(), RenderError::Template { file, line: 1, column: 1, message });
                return;
            }
        };
        self.sources.insert(name.to_owned(), source.to_owned());
        if let Err(error) = self.compile(name, &file, source) {
            self.broken.insert(name.to_owned(), error);
        }
    }

    fn compile(&mut self, name: &str, file: &str, source: &str) -> Result<(), RenderError> {
        lint::constructs(file, source)?;
        if name.starts_with("email/") {
            lint::tags(file, source)?;
        }
        let registry = if name.starts_with("social/") { &mut self.text } else { &mut self.html };
        registry.register_template_string(name, source).map_err(|error| {
            let (line, column) = error.pos().unwrap_or((1, 1));
            let reason = error.reason().to_string();
            let reason = reason.lines().last().unwrap_or(&reason).trim_start_matches([' ', '=']).to_owned();
            let message = format!("this is not a template that Handlebars can read: {reason}");
            RenderError::Template { file: file.to_owned(), line: line.max(1), column: column.max(1), message }
        })
    }

    /// Partials that include each other would never end.
    fn refuse_circles(&mut self) {
        let uses: BTreeMap<&str, Vec<lint::Use>> =
            self.sources.iter().map(|(name, source)| (name.as_str(), lint::partials(source))).collect();
        let mut circular = Vec::new();
        for (name, partials) in &uses {
            for partial in partials {
                let mut seen = BTreeSet::new();
                let mut open = vec![partial.name.as_str()];
                while let Some(next) = open.pop() {
                    if next == *name {
                        let (line, column) = place(&self.sources[*name], partial.at);
                        let message =
                            format!("`{}` includes this template again; it would never end", partial.name);
                        let error = RenderError::Template { file: file(name), line, column, message };
                        circular.push(((*name).to_owned(), error));
                        break;
                    }
                    if seen.insert(next) {
                        open.extend(uses.get(next).into_iter().flatten().map(|used| used.name.as_str()));
                    }
                }
            }
        }
        let names = |uses: Vec<lint::Use>| uses.into_iter().map(|used| used.name).collect();
        self.partials = uses.into_iter().map(|(name, uses)| (name.to_owned(), names(uses))).collect();
        self.broken.extend(circular);
    }

    /// The template in `folder` for an edition: `wanted` by name, else `audience`'s, else the default.
    pub(super) fn choose(
        &self,
        folder: &str,
        wanted: Option<&str>,
        audience: &str,
    ) -> Result<String, RenderError> {
        let known = |name: &str| {
            let full = format!("{folder}/{name}");
            (self.sources.contains_key(&full) || self.broken.contains_key(&full)).then_some(full)
        };
        if let Some(wanted) = wanted {
            let elsewhere = ["email", "newsroom", "social"]
                .iter()
                .any(|folder| self.sources.contains_key(&format!("{folder}/{wanted}")));
            if let Some(name) = known(wanted) {
                return Ok(name);
            }
            if !elsewhere {
                let hint = match nearest(wanted, self.names(folder)) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("write templates/{folder}/{wanted}.hbs, or remove `template:`"),
                };
                return Err(RenderError::Unknown(format!("there is no template `{wanted}`; {hint}")));
            }
        }
        Ok(known(audience).unwrap_or_else(|| format!("{folder}/default")))
    }

    fn names<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = &'a str> {
        self.sources.keys().filter_map(move |name| name.strip_prefix(folder)?.strip_prefix('/'))
    }

    /// The source of a template, for errors that point into it.
    pub(super) fn source(&self, name: &str) -> &str {
        self.sources.get(name).map_or("", String::as_str)
    }

    /// Whether the template, or one that it includes, may read the variable `key`.
    pub(super) fn reads(&self, name: &str, key: &str) -> bool {
        let kept = || self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = kept().get(name).and_then(|known| known.get(key)) {
            return *known;
        }
        let answer = self.names_variable(name, key);
        kept().entry(name.to_owned()).or_default().insert(key.to_owned(), answer);
        answer
    }

    fn names_variable(&self, name: &str, key: &str) -> bool {
        let mut seen = BTreeSet::new();
        let mut open = vec![name];
        while let Some(name) = open.pop() {
            // What is included includes more.
            if seen.insert(name) {
                let source = self.source(name);
                if [key, "each this", "each event", "lookup"].iter().any(|word| source.contains(word)) {
                    return true;
                }
                open.extend(self.includes(name).iter().map(String::as_str));
            }
        }
        false
    }

    /// The templates that a template includes.
    fn includes(&self, name: &str) -> &[String] {
        self.partials.get(name).map_or(&[], Vec::as_slice)
    }

    /// Runs a template.
    pub(super) fn render(&self, name: &str, data: Value) -> Result<String, RenderError> {
        for used in std::iter::once(name).chain(self.includes(name).iter().map(String::as_str)) {
            if let Some(error) = self.broken.get(used) {
                return Err(error.clone());
            }
        }
        if let Some(quick) = self.quick.get(name)
            && let Some(text) = quick.run(&data, &self.zone, !name.starts_with("social/"))
        {
            return Ok(text);
        }
        self.thoroughly(name, data)
    }

    /// Has Handlebars run a template.
    fn thoroughly(&self, name: &str, data: Value) -> Result<String, RenderError> {
        let context = Context::from(data);
        self.registry(name).render_with_context(name, &context).map_err(|error| {
            let at = error.template_name.as_deref().unwrap_or(name);
            RenderError::Template {
                file: file(at),
                line: error.line_no.unwrap_or(1).max(1),
                column: error.column_no.unwrap_or(1).max(1),
                message: explain(error.reason(), context.data()),
            }
        })
    }
}

/// Where a template stands in a newsroom.
pub(super) fn file(name: &str) -> String {
    format!("templates/{name}.hbs")
}

fn place(source: &str, at: usize) -> (usize, usize) {
    let (line, column) = position(source, at);
    (line as usize, column as usize)
}

fn explain(reason: &RenderErrorReason, data: &Value) -> String {
    let names = || data.as_object().into_iter().flat_map(|object| object.keys().map(String::as_str));
    match reason {
        RenderErrorReason::MissingVariable(Some(path)) => {
            let near = nearest(path, names());
            let hint = near.map_or_else(
                || format!("there are: {}", names().collect::<Vec<_>>().join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            format!("there is no variable `{path}`; {hint}")
        }
        RenderErrorReason::HelperNotFound(name) => {
            let near = nearest(name, ["t", "date", "if", "unless", "each", "with", "eq", "and", "or", "not"]);
            let hint = near.map_or_else(
                || "beside Handlebars' own there are `t` and `date`".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            format!("there is no helper `{name}`; {hint}")
        }
        RenderErrorReason::PartialNotFound(name) => {
            format!("there is no template `{name}` to include; write it as {}", file(name))
        }
        other => other.to_string(),
    }
}

/// `{{t "key" value name=value}}`
struct Words;

impl HelperDef for Words {
    fn call_inner<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        context: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
    ) -> Result<ScopedJson<'rc>, handlebars::RenderError> {
        let key = helper.param(0).and_then(|param| param.value().as_str()).unwrap_or_default();
        let words = phrases::phrase(&language(context), key).ok_or_else(|| {
            let hint = nearest(key, phrases::keys()).map_or_else(
                || format!("there are: {}", phrases::keys().collect::<Vec<_>>().join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            RenderErrorReason::Other(format!("there are no fixed words `{key}`; {hint}"))
        })?;
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let mut words = words.to_owned();
        if let Some(value) = helper.param(1) {
            words = words.replace("{}", &text(value.value()));
        }
        for (name, value) in helper.hash() {
            words = words.replace(&format!("{{{name}}}"), &text(value.value()));
        }
        Ok(ScopedJson::Derived(Value::String(words)))
    }
}

/// `{{date instant}}`, `{{date instant "moment"}}`
struct Date(TimeZone);

impl HelperDef for Date {
    fn call_inner<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        context: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
    ) -> Result<ScopedJson<'rc>, handlebars::RenderError> {
        let text = helper.param(0).and_then(|param| param.value().as_str()).unwrap_or_default();
        let instant: Timestamp = text.parse().map_err(|_| {
            RenderErrorReason::Other(format!("`{text}` is no instant; give `date` one such as `published`"))
        })?;
        let language = language(context);
        let words = match helper.param(1).and_then(|param| param.value().as_str()) {
            None | Some("day") => phrases::date(&language, &self.0, instant),
            Some("moment") => phrases::moment(&language, &self.0, instant),
            Some(other) => {
                let message = format!("`date` knows no form `{other}`; there are `day` and `moment`");
                return Err(RenderErrorReason::Other(message).into());
            }
        };
        Ok(ScopedJson::Derived(Value::String(words)))
    }
}

fn language(context: &Context) -> Language {
    let tag = context.data().get("language").and_then(Value::as_str);
    tag.and_then(|tag| tag.parse().ok()).unwrap_or_else(Language::english)
}

#[cfg(test)]
mod tests;
