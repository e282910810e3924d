//! The Markdown of a release, and the blocks in it that only some readers get.

use std::ops::Range;

use crate::yaml::Spanned;

/// The body: stretches of Markdown, in order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Body {
    /// The bytes of the file that the body takes.
    pub span: Range<usize>,
    /// What it is made of.
    pub blocks: Vec<Block>,
}

/// A stretch of Markdown with the rule that says who reads it.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// The bytes of the file, without the `:::` lines.
    pub span: Range<usize>,
    /// Who reads it; nothing for everybody.
    pub rule: Option<Rule>,
}

/// Who reads a block; the names are audiences or channels.
#[derive(Debug, Clone, PartialEq)]
pub enum Rule {
    /// `::: only A B`
    Only(Vec<Spanned<String>>),
    /// `::: except A B`
    Except(Vec<Spanned<String>>),
}

impl Rule {
    /// Whether a reader in `audience` on `channel` gets the block.
    pub fn admits(&self, audience: &str, channel: &str) -> bool {
        let names = |list: &[Spanned<String>]| list.iter().any(|n| n.value == audience || n.value == channel);
        match self {
            Rule::Only(list) => names(list),
            Rule::Except(list) => !names(list),
        }
    }
}

impl Body {
    /// The Markdown that a reader in `audience` on `channel` gets; `text` is the whole file.
    pub fn markdown(&self, text: &str, audience: &str, channel: &str) -> String {
        let mut markdown = String::with_capacity(self.span.len());
        for block in &self.blocks {
            if block.rule.as_ref().is_none_or(|rule| rule.admits(audience, channel)) {
                markdown.push_str(&text[block.span.clone()]);
                if !markdown.ends_with('\n') {
                    markdown.push('\n');
                }
            }
        }
        markdown
    }
}
