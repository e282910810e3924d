//! The rule that says who belongs: `kind = blogger and (beat in [ev, family] or region = "EU")`.

use crate::contact::Contact;

/// A parsed rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expression {
    /// One of the field's values is one of these.
    In {
        /// The contact's field.
        field: String,
        /// The values that count.
        values: Vec<String>,
    },
    /// Both.
    And(Box<Expression>, Box<Expression>),
    /// Either.
    Or(Box<Expression>, Box<Expression>),
    /// Not.
    Not(Box<Expression>),
}

/// What is wrong with a rule, at which byte of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RuleError {
    /// What is wrong.
    pub message: String,
    /// Byte offset in the rule.
    pub at: usize,
}

impl Expression {
    /// Whether `contact` fulfils the rule.
    pub fn matches(&self, contact: &Contact) -> bool {
        match self {
            Expression::In { field, values } => {
                contact.values(field).iter().any(|value| values.iter().any(|wanted| wanted == value))
            }
            Expression::And(left, right) => left.matches(contact) && right.matches(contact),
            Expression::Or(left, right) => left.matches(contact) || right.matches(contact),
            Expression::Not(inner) => !inner.matches(contact),
        }
    }
}
