//! The HTML part: Handlebars gives MJML, MJML gives HTML, and CSS is set inline.
//!
//! Release text never passes through these three. The template sees a placeholder for each text;
//! what it makes of them is compiled once (for the whole newsroom, most editions look alike) and
//! the texts are put in afterwards, escaped. So text cannot break a template or become one.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::Value;

use super::super::markdown::SafeHtml;
use super::super::memo::Memo;
use super::super::scene::Prose;
use super::super::templates::{self, Templates};
use super::super::{RenderError, Slot};
use super::Part;
use super::data::Data;
use super::encode::escape_html;
use super::stylist::Stylist;
use super::tidy;
use crate::digest::Digest;

/// How wide a picture is shown, in pixels: the width of the text in the built-in templates.
const PICTURE_WIDTH: u32 = 560;

/// What stands in for one place of the template.
pub(super) enum Field {
    /// Text, to be escaped.
    Text(String),
    /// HTML that is safe already.
    Html(Arc<Prose>),
    /// What differs by recipient.
    Slot(Slot),
}

/// Placeholders for a template, and what belongs in their places.
pub(super) struct Fields<'m> {
    mark: &'m str,
    values: BTreeMap<String, Field>,
}

impl<'m> Fields<'m> {
    pub(super) fn new(maker: &'m Maker) -> Fields<'m> {
        Fields { mark: &maker.mark, values: BTreeMap::new() }
    }

    /// A placeholder for text; `null` for none, so that a template can ask whether there is any.
    pub(super) fn text(&mut self, name: &str, value: Option<&str>) -> Value {
        match value.map(str::trim).filter(|value| !value.is_empty()) {
            Some(value) => self.put(name, Field::Text(value.to_owned())),
            None => Value::Null,
        }
    }

    /// A placeholder for HTML.
    pub(super) fn html(&mut self, name: &str, value: &Arc<Prose>) -> Value {
        if value.html.is_empty() { Value::Null } else { self.put(name, Field::Html(Arc::clone(value))) }
    }

    /// A placeholder for a slot.
    pub(super) fn slot(&mut self, name: &str, slot: Slot) -> Value {
        self.put(name, Field::Slot(slot))
    }

    fn put(&mut self, name: &str, field: Field) -> Value {
        let placeholder = format!("{}{name}_", self.mark);
        self.values.insert(name.to_owned(), field);
        Value::String(placeholder)
    }
}

/// Makes HTML parts; keeps the shapes it has compiled.
pub(in crate::render) struct Maker {
    mark: String,
    shapes: Memo<Shape>,
    styled: Memo<str>,
    /// By style sheet: most shapes have the same.
    stylists: Memo<Stylist>,
    inliner: css_inline::CSSInliner<'static>,
}

/// A compiled template with places in it.
struct Shape {
    parts: Vec<Place>,
    /// The rules that apply to release text as well.
    css: String,
    stylist: Arc<Stylist>,
}

enum Place {
    Literal(String),
    Field(String),
}

impl Maker {
    /// `seed` is anything that release text cannot know: what all templates hold.
    pub(in crate::render) fn new(seed: &Digest) -> Maker {
        let digits: String = seed.to_string().chars().take(16).collect();
        let inliner = css_inline::CSSInliner::options()
            .load_remote_stylesheets(false)
            .keep_style_tags(false)
            .keep_at_rules(true)
            .build();
        Maker {
            mark: format!("place{digits}_"),
            shapes: Memo::new(),
            styled: Memo::new(),
            stylists: Memo::new(),
            inliner,
        }
    }

    /// Runs the email template `name` over `data`, whose texts are placeholders from `fields`.
    pub(super) fn make(
        &self,
        templates: &Templates,
        name: &str,
        data: Data,
        fields: &Fields<'_>,
    ) -> Result<Vec<Part>, RenderError> {
        let shape = self.shape(templates, name, data)?;
        let mut parts = Vec::new();
        let mut literal = String::with_capacity(32 * 1024);
        for place in &shape.parts {
            match place {
                Place::Literal(text) => literal.push_str(text),
                Place::Field(name) => match fields.values.get(name) {
                    Some(Field::Text(text)) => literal.push_str(&escape_html(text)),
                    Some(Field::Html(prose)) => literal.push_str(&self.styled(&prose.html, &shape)?),
                    Some(Field::Slot(slot)) => {
                        parts.push(Part::Literal(std::mem::take(&mut literal)));
                        parts.push(Part::Slot(*slot));
                    }
                    None => {}
                },
            }
        }
        parts.push(Part::Literal(literal));
        Ok(parts)
    }

    /// Release text with the template's rules set inline.
    fn styled(&self, html: &SafeHtml, shape: &Shape) -> Result<Arc<str>, RenderError> {
        self.styled.get(Digest::of_fields(&[html.as_bytes(), shape.css.as_bytes()]), || {
            let plain = html.plain;
            let html = with_widths(html);
            if plain && let Some(styled) = shape.stylist.apply(&html, &self.inliner) {
                return Ok(Arc::from(styled));
            }
            let html = format!("<div class=\"release\">{html}</div>");
            let html = self.inliner.inline_fragment(&html, &shape.css).map_err(|error| {
                RenderError::Content(format!("the template's CSS cannot be applied: {error}"))
            })?;
            Ok(Arc::from(html))
        })
    }

    /// What the template makes of `data`. The data are placeholders and a few words, so equal data
    /// come again and again; what the template does not name makes no difference.
    fn shape(&self, templates: &Templates, name: &str, data: Data) -> Result<Arc<Shape>, RenderError> {
        let named = templates.named(name, data.keys());
        let seen: BTreeMap<&String, &Value> =
            data.iter().filter(|(key, _)| *key == "language" || named.contains(*key)).collect();
        let seen = serde_json::to_vec(&seen).unwrap_or_default();
        self.shapes.get(Digest::of_fields(&[name.as_bytes(), &seen]), || {
            let mjml = templates.render(name, Value::Object(data))?;
            self.compile(templates, name, &mjml).map(Arc::new)
        })
    }

    fn compile(&self, templates: &Templates, name: &str, mjml: &str) -> Result<Shape, RenderError> {
        let wrong =
            |reason: String| templates::mjml_error(&templates::file(name), templates.source(name), &reason);
        let parsed = mrml::parse(mjml).map_err(|error| wrong(error.to_string()))?;
        // No fonts: a mail loads nothing from anywhere.
        let options = mrml::prelude::render::RenderOptions { fonts: HashMap::new(), ..Default::default() };
        let html = parsed.element.render(&options).map_err(|error| wrong(error.to_string()))?;
        let html = tidy::style_sheets(&html);
        let css = stylesheets(&html);
        let html = self
            .inliner
            .inline(&html)
            .map_err(|error| wrong(format!("the CSS cannot be applied: {error}")))?;
        let html = tidy::document(&html);
        let stylist = self
            .stylists
            .get(Digest::of(css.as_bytes()), || Ok::<_, RenderError>(Arc::new(Stylist::new(&css))))?;
        Ok(Shape { parts: self.places(&html), css, stylist })
    }

    fn places(&self, html: &str) -> Vec<Place> {
        let mut parts = Vec::new();
        let mut rest = html;
        while let Some(at) = rest.find(&self.mark) {
            parts.push(Place::Literal(rest[..at].to_owned()));
            rest = &rest[at + self.mark.len()..];
            let end = rest.find('_').unwrap_or(rest.len());
            parts.push(Place::Field(rest[..end].to_owned()));
            rest = rest.get(end + 1..).unwrap_or_default();
        }
        parts.push(Place::Literal(rest.to_owned()));
        parts
    }
}

/// Release text whose pictures say how wide they are: Outlook does not know `max-width`, and would show a
/// photograph of 4,000 pixels as wide as it is.
fn with_widths(html: &str) -> String {
    if !html.contains("<img ") {
        return html.to_owned();
    }
    tidy::each_tag(html, |tag| {
        let rest = tag.strip_prefix("<img ")?;
        Some(format!("<img width=\"{PICTURE_WIDTH}\" {rest}"))
    })
}

/// The rules in a document's style elements, without those for Outlook alone.
fn stylesheets(html: &str) -> String {
    let mut css = String::new();
    let mut rest = html;
    while let Some(open) = rest.find("<style") {
        let Some(start) = rest[open..].find('>').map(|end| open + end + 1) else { break };
        let Some(end) = rest[start..].find("</style>").map(|end| start + end) else { break };
        let conditional =
            rest[..open].rfind("<!--[if").is_some_and(|at| !rest[at..open].contains("<![endif]-->"));
        // What is kept as it is says nothing about release text.
        let kept = rest[open..start].contains("data-css-inline");
        if !conditional && !kept {
            css.push_str(&rest[start..end]);
            css.push('\n');
        }
        rest = &rest[end..];
    }
    css
}
