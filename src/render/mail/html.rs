//! The HTML part: Handlebars gives MJML, MJML gives HTML, and CSS is set inline.
//!
//! Release text never passes through these three. The template sees a placeholder for each text;
//! what it makes of them is compiled once (for the whole newsroom, most editions look alike) and
//! the texts are put in afterwards, escaped. So text cannot break a template or become one.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

use super::super::RenderError;
use super::super::memo::Memo;
use super::super::scene::{Prose, Scene};
use super::super::templates::{self, Templates};
use super::data;
use super::encode::push_escaped;
use super::engraved::Engraved;
use super::fields::{Data, Field, Fields};
use super::part::{Literal, Part};
use super::sender::Sender;
use super::stylist::Stylist;
use super::tidy;
use crate::digest::Digest;
use crate::newsroom::ChannelFacts;

/// How wide a picture is shown, in pixels: the width of the text in the built-in templates.
const PICTURE_WIDTH: u32 = 560;

/// Makes HTML parts; keeps the shapes it has compiled, and what mails have in common.
pub(in crate::render) struct Maker {
    mark: String,
    /// By template, language and which places there are.
    shapes: Memo<Vec<u8>, Shape>,
    /// By text and style sheet.
    styled: Memo<(u64, Digest), Engraved>,
    /// The plain form of texts, by text.
    plain: Memo<u64, Engraved>,
    /// By style sheet: most shapes have the same.
    stylists: Memo<Digest, Stylist>,
    /// By channel.
    senders: Memo<String, Sender>,
    inliner: css_inline::CSSInliner<'static>,
}

/// A compiled template with places in it.
struct Shape {
    parts: Vec<Place>,
    /// The rules that apply to release text as well.
    css: String,
    css_name: Digest,
    stylist: Arc<Stylist>,
}

enum Place {
    Literal(Arc<Engraved>),
    /// A field, by where it stands among all of the mail's.
    Field(usize),
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
            plain: Memo::new(),
            stylists: Memo::new(),
            senders: Memo::new(),
            inliner,
        }
    }

    /// Who sends on `channel`.
    pub(super) fn sender(&self, channel: &ChannelFacts) -> Result<Arc<Sender>, RenderError> {
        self.senders.get(channel.key.as_str(), || Sender::new(channel).map(Arc::new))
    }

    /// The plain form of `prose`, which is `text`.
    pub(super) fn plain(&self, prose: &Prose, text: &str) -> Arc<Engraved> {
        let make = || Ok::<_, std::convert::Infallible>(Arc::new(Engraved::new(text.to_owned())));
        let Ok(plain) = self.plain.get(&prose.number, make);
        plain
    }

    /// Runs the email template `name` over `data`, whose places are those of `fields`.
    pub(super) fn make(
        &self,
        templates: &Templates,
        name: &str,
        scene: &Scene<'_>,
        data: &Data<'_>,
        fields: &Fields<'_>,
    ) -> Result<Vec<Part>, RenderError> {
        let shape = self.shape(templates, name, scene, data, fields)?;
        let mut parts = Vec::new();
        let mut literal = Literal::default();
        for place in &shape.parts {
            let field = match place {
                Place::Literal(text) => {
                    literal.engraved(Arc::clone(text));
                    continue;
                }
                Place::Field(place) => fields.at(*place),
            };
            match field {
                Some(Field::Text(text)) => literal.write(|out| push_escaped(text, out)),
                Some(Field::Html(prose)) => literal.engraved(self.styled(prose, &shape)?),
                Some(Field::Slot(slot)) => {
                    parts.push(Part::Literal(std::mem::take(&mut literal)));
                    parts.push(Part::Slot(*slot));
                }
                None => {}
            }
        }
        parts.push(Part::Literal(literal));
        Ok(parts)
    }

    /// Release text with the template's rules set inline.
    fn styled(&self, prose: &Prose, shape: &Shape) -> Result<Arc<Engraved>, RenderError> {
        self.styled.get(&(prose.number, shape.css_name), || {
            let html = with_widths(&prose.html);
            if prose.html.plain
                && let Some(styled) = shape.stylist.apply(&html, &self.inliner)
            {
                return Ok(Arc::new(Engraved::new(styled)));
            }
            let html = format!("<div class=\"release\">{html}</div>");
            let html = self.inliner.inline_fragment(&html, &shape.css).map_err(|error| {
                RenderError::Content(format!("the template's CSS cannot be applied: {error}"))
            })?;
            Ok(Arc::new(Engraved::new(html)))
        })
    }

    /// What the template makes of `data`: places and a few words, so equal data come again and again; words that the
    /// template does not name make no difference.
    fn shape(
        &self,
        templates: &Templates,
        name: &str,
        scene: &Scene<'_>,
        data: &Data<'_>,
        fields: &Fields<'_>,
    ) -> Result<Arc<Shape>, RenderError> {
        let mut key = Vec::with_capacity(1024);
        for part in [name, scene.language().as_str()] {
            key.extend_from_slice(part.as_bytes());
            key.push(0xff);
        }
        data.name(&|word| templates.reads(name, word), &mut key);
        self.shapes.get(key.as_slice(), || {
            let mut value = data.value(&self.mark);
            if let (Some(value), Value::Object(more)) =
                (value.as_object_mut(), data::constants(scene).value(&self.mark))
            {
                value.extend(more);
            }
            let mjml = templates.render(name, value)?;
            self.compile(templates, name, &mjml, fields).map(Arc::new)
        })
    }

    fn compile(
        &self,
        templates: &Templates,
        name: &str,
        mjml: &str,
        fields: &Fields<'_>,
    ) -> Result<Shape, RenderError> {
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
        let css_name = Digest::of(css.as_bytes());
        let stylist = self.stylists.get(&css_name, || Ok::<_, RenderError>(Arc::new(Stylist::new(&css))))?;
        Ok(Shape { parts: self.places(&html, fields), css, css_name, stylist })
    }

    fn places(&self, html: &str, fields: &Fields<'_>) -> Vec<Place> {
        let literal = |text: &str| Place::Literal(Arc::new(Engraved::new(text.to_owned())));
        let mut parts = Vec::new();
        let mut rest = html;
        while let Some(at) = rest.find(&self.mark) {
            parts.push(literal(&rest[..at]));
            rest = &rest[at + self.mark.len()..];
            let end = rest.find('_').unwrap_or(rest.len());
            parts.extend(fields.place(&rest[..end]).map(Place::Field));
            rest = rest.get(end + 1..).unwrap_or_default();
        }
        parts.push(literal(rest));
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
