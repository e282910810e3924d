//! The rule that says who belongs: `kind = blogger and (beat in [ev, family] or region = "EU")`.
//!
//! A field may have several values; `=` and `in` hold when any of them is meant, `!=` and
//! `not in` when none is. Letters count the same in upper and lower case. `not` binds tighter
//! than `and`, `and` tighter than `or`. Rules are short ([`MAX_BYTES`]) and shallow
//! ([`MAX_DEPTH`]), so neither parsing nor matching can run away.

use std::fmt;

use crate::contact::Contact;

/// The most bytes of a rule.
pub const MAX_BYTES: usize = 2000;

/// The most parentheses and `not`s inside each other.
pub const MAX_DEPTH: usize = 32;

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
    /// What to do.
    pub hint: Option<String>,
    /// Byte offset in the rule.
    pub at: usize,
}

/// What a rule, or a part of it, says about one contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The rule.
    pub rule: String,
    /// Whether it holds.
    pub holds: bool,
    /// The contact's values of the field that it asks for; nothing for `and`, `or` and `not`.
    pub found: Option<Vec<String>>,
    /// The parts that it is made of.
    pub parts: Vec<Verdict>,
}

impl Expression {
    /// Whether `contact` fulfils the rule.
    pub fn matches(&self, contact: &Contact) -> bool {
        match self {
            Expression::In { field, values } => {
                contact.any(field, |value| values.iter().any(|wanted| same(wanted, value)))
            }
            Expression::And(left, right) => left.matches(contact) && right.matches(contact),
            Expression::Or(left, right) => left.matches(contact) || right.matches(contact),
            Expression::Not(inner) => !inner.matches(contact),
        }
    }

    /// Why `contact` fulfils the rule, or why not: every part with what it says.
    pub fn explain(&self, contact: &Contact) -> Verdict {
        let (found, parts) = match self {
            Expression::In { field, .. } => (Some(contact.values(field)), Vec::new()),
            Expression::Not(inner) => match &**inner {
                Expression::In { field, .. } => (Some(contact.values(field)), Vec::new()),
                inner => (None, vec![inner.explain(contact)]),
            },
            Expression::And(..) | Expression::Or(..) => {
                (None, self.chain().into_iter().map(|part| part.explain(contact)).collect())
            }
        };
        Verdict {
            rule: self.to_string(),
            holds: self.matches(contact),
            found: found.map(|values| values.into_iter().map(str::to_owned).collect()),
            parts,
        }
    }

    /// The members of `a and b and c` (or of `a or b or c`), from left to right.
    fn chain(&self) -> Vec<&Expression> {
        let both = std::mem::discriminant(self);
        let mut parts = Vec::new();
        let mut rest = self;
        while let Expression::And(left, right) | Expression::Or(left, right) = rest {
            if std::mem::discriminant(rest) != both {
                break;
            }
            parts.push(&**right);
            rest = left;
        }
        parts.push(rest);
        parts.reverse();
        parts
    }

    /// The fields that the rule asks for, in order, each once.
    pub fn fields(&self) -> Vec<&str> {
        fn walk<'a>(rule: &'a Expression, fields: &mut Vec<&'a str>) {
            match rule {
                Expression::In { field, .. } if fields.contains(&field.as_str()) => {}
                Expression::In { field, .. } => fields.push(field),
                Expression::And(left, right) | Expression::Or(left, right) => {
                    walk(left, fields);
                    walk(right, fields);
                }
                Expression::Not(inner) => walk(inner, fields),
            }
        }
        let mut fields = Vec::new();
        walk(self, &mut fields);
        fields
    }
}

/// Whether two texts are the same but for upper and lower case.
fn same(left: &str, right: &str) -> bool {
    if left.is_ascii() && right.is_ascii() {
        return left.eq_ignore_ascii_case(right);
    }
    left.chars().flat_map(char::to_lowercase).eq(right.chars().flat_map(char::to_lowercase))
}

/// The one canonical spelling; parsing it gives the same rule.
impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Expression::In { field, values } => membership(f, field, values, "=", "in"),
            Expression::Not(inner) => match &**inner {
                Expression::In { field, values } => membership(f, field, values, "!=", "not in"),
                inner => {
                    f.write_str("not ")?;
                    part(f, inner, matches!(inner, Expression::And(..) | Expression::Or(..)))
                }
            },
            Expression::And(left, right) => {
                part(f, left, matches!(**left, Expression::Or(..)))?;
                f.write_str(" and ")?;
                part(f, right, matches!(**right, Expression::And(..) | Expression::Or(..)))
            }
            Expression::Or(left, right) => {
                part(f, left, false)?;
                f.write_str(" or ")?;
                part(f, right, matches!(**right, Expression::Or(..)))
            }
        }
    }
}

fn part(f: &mut fmt::Formatter<'_>, rule: &Expression, parentheses: bool) -> fmt::Result {
    if parentheses { write!(f, "({rule})") } else { write!(f, "{rule}") }
}

fn membership(
    f: &mut fmt::Formatter<'_>,
    field: &str,
    values: &[String],
    one: &str,
    many: &str,
) -> fmt::Result {
    if let [value] = values {
        write!(f, "{field} {one} ")?;
        return word(f, value);
    }
    write!(f, "{field} {many} [")?;
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            f.write_str(", ")?;
        }
        word(f, value)?;
    }
    f.write_str("]")
}

fn word(f: &mut fmt::Formatter<'_>, value: &str) -> fmt::Result {
    let bare =
        !value.is_empty() && value.chars().all(super::grammar::bare) && !super::grammar::keyword(value);
    if bare {
        return f.write_str(value);
    }
    write!(f, "\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn lines(verdict: &Verdict, depth: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            let mark = if verdict.holds { "yes" } else { "no " };
            write!(f, "{:indent$}{mark}  {}", "", verdict.rule, indent = depth * 2)?;
            match verdict.found.as_deref() {
                Some([]) => f.write_str("  (has none)")?,
                Some(found) => write!(f, "  (has {})", found.join(", "))?,
                None => {}
            }
            f.write_str("\n")?;
            verdict.parts.iter().try_for_each(|part| lines(part, depth + 1, f))
        }
        lines(self, 0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::super::grammar::rule;
    use super::*;
    use crate::audience::tests::contact;
    use expect_test::expect;
    use proptest::prelude::*;

    #[test]
    fn rules_choose() {
        let someone = contact("kind=blogger beat=ev beat=Family region=EU city=Åre name_of_outlet=The+Daily");
        for (text, expected) in [
            ("kind = blogger", true),
            ("kind = Blogger", true),
            ("kind = \"blogger\"", true),
            ("kind = blog", false),
            ("kind != blogger", false),
            ("beat = ev", true),
            ("beat = family", true),
            ("beat != ev", false),
            ("beat != sport", true),
            ("beat in [sport, family]", true),
            ("beat in [sport]", false),
            ("beat not in [sport, politics]", true),
            ("beat not in [sport, ev]", false),
            ("not beat in [sport]", true),
            ("city = åRE", true),
            ("unknown = x", false),
            ("unknown != x", true),
            ("kind = blogger and region = eu", true),
            ("kind = blogger and region = us", false),
            ("kind = desk or region = eu", true),
            ("kind = desk or region = us", false),
            // `and` binds tighter than `or`, `not` tighter than both.
            ("kind = blogger or kind = desk and region = us", true),
            ("(kind = blogger or kind = desk) and region = us", false),
            ("not kind = desk and region = us", false),
            ("not (kind = desk and region = us)", true),
            ("not not kind = blogger", true),
            ("embargo_ok = no", true),
            ("domain = paper.example", true),
        ] {
            let parsed = rule(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(parsed.matches(&someone), expected, "{text}");
            assert_eq!(parsed.explain(&someone).holds, expected, "{text}");
        }
    }

    #[test]
    fn the_canonical_spelling() {
        for (text, expected) in [
            ("kind=blogger", "kind = blogger"),
            ("KIND = Blogger", "kind = Blogger"),
            ("kind in [a]", "kind = a"),
            ("kind in [ a,b , \"c d\" ]", "kind in [a, b, \"c d\"]"),
            ("not kind in [a, b]", "kind not in [a, b]"),
            ("not kind = a", "kind != a"),
            ("kind = \"and\"", "kind = \"and\""),
            ("kind = \"a \\\"b\\\" \\\\\"", "kind = \"a \\\"b\\\" \\\\\""),
            ("((a = 1))", "a = 1"),
            ("a = 1 and (b = 2 and c = 3)", "a = 1 and (b = 2 and c = 3)"),
            ("(a = 1 and b = 2) or c = 3", "a = 1 and b = 2 or c = 3"),
            ("not (a = 1 or b = 2)", "not (a = 1 or b = 2)"),
            ("a = 1 AND b = 2", "a = 1 and b = 2"),
        ] {
            assert_eq!(rule(text).unwrap().to_string(), expected, "{text}");
        }
    }

    #[test]
    fn why_me() {
        let someone = contact("kind=blogger beat=sport beat=ev");
        let parsed =
            rule("kind = blogger and (beat in [family, arts] or region = EU or not kind = desk)").unwrap();
        expect![[r#"
            yes  kind = blogger and (beat in [family, arts] or region = EU or kind != desk)
              yes  kind = blogger  (has blogger)
              yes  beat in [family, arts] or region = EU or kind != desk
                no   beat in [family, arts]  (has sport, ev)
                no   region = EU  (has none)
                yes  kind != desk  (has blogger)
        "#]]
        .assert_eq(&parsed.explain(&someone).to_string());
    }

    #[test]
    fn fields_are_listed_once() {
        assert_eq!(rule("a = 1 and (b = 2 or not a = 3)").unwrap().fields(), ["a", "b"]);
    }

    fn rules() -> impl Strategy<Value = Expression> {
        let leaf = ("[a-z][a-z_]{0,5}", proptest::collection::vec(".{0,6}", 1..4))
            .prop_filter("a field is no keyword", |(field, _)| !super::super::grammar::keyword(field))
            .prop_filter("no control characters", |(_, values)| {
                values.iter().all(|value| !value.chars().any(char::is_control))
            })
            .prop_map(|(field, values)| Expression::In { field, values });
        leaf.prop_recursive(4, 24, 2, |inner| {
            prop_oneof![
                (inner.clone(), inner.clone()).prop_map(|(l, r)| Expression::And(Box::new(l), Box::new(r))),
                (inner.clone(), inner.clone()).prop_map(|(l, r)| Expression::Or(Box::new(l), Box::new(r))),
                inner.prop_map(|inner| Expression::Not(Box::new(inner))),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(expression in rules()) {
            let text = expression.to_string();
            prop_assume!(text.len() <= MAX_BYTES);
            prop_assert_eq!(rule(&text), Ok(expression));
        }

        #[test]
        fn no_text_panics(text in "[a-z =!\"\\[\\]\\(\\),å]{0,60}") {
            if let Err(error) = rule(&text) {
                prop_assert!(error.at <= text.len() && text.is_char_boundary(error.at));
            }
        }
    }
}
