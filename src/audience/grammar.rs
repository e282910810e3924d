//! Reads the rule language of [`super::rule`].

use super::rule::{Expression, MAX_BYTES, MAX_DEPTH, RuleError};

/// Parses a rule; the error says at which byte it breaks, and what to do.
pub fn rule(text: &str) -> Result<Expression, RuleError> {
    if text.len() > MAX_BYTES {
        let message = format!("the rule has {} bytes; at most {MAX_BYTES} are read", text.len());
        let hint = Some("give contacts a tag when they are imported, and ask for the tag".to_owned());
        return Err(RuleError { message, hint, at: text.floor_char_boundary(MAX_BYTES) });
    }
    let mut parser = Parser { text, at: 0 };
    let expression = parser.either(0)?;
    match parser.peek() {
        Token { kind: Kind::End, .. } => Ok(expression),
        Token { kind: Kind::Close, at } => {
            Err(error(at, "this `)` closes nothing", "take it away, or add the `(`"))
        }
        Token { kind: Kind::Word("&&"), at } => Err(error(at, "`&&` is no word of a rule", "write `and`")),
        Token { kind: Kind::Word("||"), at } => Err(error(at, "`||` is no word of a rule", "write `or`")),
        Token { kind: Kind::Comma, at } => {
            Err(error(at, "a `,` stands between two conditions", "write `and` or `or`"))
        }
        token => Err(error(
            token.at,
            &format!("expected `and` or `or` here, found {}", token.kind.name()),
            "quote values that have spaces: `outlet = \"The Daily\"`",
        )),
    }
}

/// Whether a value may hold `character` without quotes.
pub(super) fn bare(character: char) -> bool {
    !character.is_whitespace() && !character.is_control() && !"()[],\"'=!<>".contains(character)
}

/// Whether `word` means something to the grammar.
pub(super) fn keyword(word: &str) -> bool {
    ["and", "or", "not", "in", "&&", "||"].iter().any(|known| word.eq_ignore_ascii_case(known))
}

fn error(at: usize, message: &str, hint: &str) -> RuleError {
    RuleError { message: message.to_owned(), hint: Some(hint.to_owned()), at }
}

#[derive(Debug, Clone, PartialEq)]
struct Token<'a> {
    kind: Kind<'a>,
    at: usize,
}

#[derive(Debug, Clone, PartialEq)]
enum Kind<'a> {
    Word(&'a str),
    Quoted(String),
    Equal,
    Unequal,
    Open,
    Close,
    ListOpen,
    ListClose,
    Comma,
    End,
    /// A character that begins nothing, or a quotation that does not end.
    Bad(char),
}

impl Kind<'_> {
    fn name(&self) -> String {
        match self {
            Kind::Word(word) => format!("`{word}`"),
            Kind::Quoted(text) => format!("\"{text}\""),
            Kind::Equal => "`=`".to_owned(),
            Kind::Unequal => "`!=`".to_owned(),
            Kind::Open => "`(`".to_owned(),
            Kind::Close => "`)`".to_owned(),
            Kind::ListOpen => "`[`".to_owned(),
            Kind::ListClose => "`]`".to_owned(),
            Kind::Comma => "`,`".to_owned(),
            Kind::End => "the end of the rule".to_owned(),
            Kind::Bad(character) => format!("`{character}`"),
        }
    }

    fn is_keyword(&self, wanted: &str) -> bool {
        matches!(self, Kind::Word(word) if word.eq_ignore_ascii_case(wanted))
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&mut self) -> Token<'a> {
        let before = self.at;
        let token = self.next();
        self.at = before;
        token
    }

    fn next(&mut self) -> Token<'a> {
        self.at += self.rest().len() - self.rest().trim_start().len();
        let (at, rest) = (self.at, self.rest());
        let one = |kind| (kind, 1);
        let (kind, length) = match rest.chars().next() {
            None => (Kind::End, 0),
            Some('(') => one(Kind::Open),
            Some(')') => one(Kind::Close),
            Some('[') => one(Kind::ListOpen),
            Some(']') => one(Kind::ListClose),
            Some(',') => one(Kind::Comma),
            Some('=') => one(Kind::Equal),
            Some('!') if rest.starts_with("!=") => (Kind::Unequal, 2),
            Some('"') => quoted(rest),
            Some(character) if bare(character) => {
                let length = rest.find(|c| !bare(c)).unwrap_or(rest.len());
                (Kind::Word(rest.get(..length).unwrap_or_default()), length)
            }
            Some(character) => (Kind::Bad(character), character.len_utf8()),
        };
        self.at += length;
        Token { kind, at }
    }

    /// `a or b or c`
    fn either(&mut self, depth: usize) -> Result<Expression, RuleError> {
        let mut left = self.both(depth)?;
        while self.peek().kind.is_keyword("or") {
            self.next();
            left = Expression::Or(Box::new(left), Box::new(self.both(depth)?));
        }
        Ok(left)
    }

    /// `a and b and c`
    fn both(&mut self, depth: usize) -> Result<Expression, RuleError> {
        let mut left = self.negated(depth)?;
        while self.peek().kind.is_keyword("and") {
            self.next();
            left = Expression::And(Box::new(left), Box::new(self.negated(depth)?));
        }
        Ok(left)
    }

    /// `not a`, `(…)` or a condition
    fn negated(&mut self, depth: usize) -> Result<Expression, RuleError> {
        let token = self.peek();
        if depth > MAX_DEPTH {
            return Err(error(
                token.at,
                &format!("parentheses and `not` stand more than {MAX_DEPTH} deep here"),
                "take some away",
            ));
        }
        if token.kind.is_keyword("not") {
            self.next();
            return Ok(Expression::Not(Box::new(self.negated(depth + 1)?)));
        }
        if token.kind == Kind::Open {
            self.next();
            let inner = self.either(depth + 1)?;
            let close = self.next();
            if close.kind != Kind::Close {
                return Err(error(
                    close.at,
                    &format!("expected `)`, found {}", close.kind.name()),
                    &format!("the `(` at character {} is not closed", self.column(token.at)),
                ));
            }
            return Ok(inner);
        }
        self.condition()
    }

    fn column(&self, at: usize) -> usize {
        self.text.get(..at).map_or(0, |before| before.chars().count()) + 1
    }

    /// `field = value`, `field != value`, `field in [a, b]`, `field not in [a, b]`
    fn condition(&mut self) -> Result<Expression, RuleError> {
        let token = self.next();
        let example = "a condition looks like `kind = blogger` or `beat in [ev, family]`";
        let field = match &token.kind {
            Kind::Word(word) if !keyword(word) => word.to_lowercase(),
            Kind::End if self.text.trim().is_empty() => {
                return Err(error(token.at, "the rule is empty", example));
            }
            other => {
                return Err(error(
                    token.at,
                    &format!("expected a field such as `kind`, found {}", other.name()),
                    example,
                ));
            }
        };
        let operator = self.next();
        match operator.kind {
            Kind::Equal => {
                let value = self.value()?;
                Ok(Expression::In { field, values: vec![value] })
            }
            Kind::Unequal => {
                let value = self.value()?;
                Ok(Expression::Not(Box::new(Expression::In { field, values: vec![value] })))
            }
            ref kind if kind.is_keyword("in") => Ok(Expression::In { field, values: self.list()? }),
            ref kind if kind.is_keyword("not") => {
                let token = self.next();
                if !token.kind.is_keyword("in") {
                    return Err(error(
                        token.at,
                        &format!("expected `in` after `not`, found {}", token.kind.name()),
                        "write `beat not in [sport, politics]`, or `not` before the field",
                    ));
                }
                Ok(Expression::Not(Box::new(Expression::In { field, values: self.list()? })))
            }
            Kind::Bad('<' | '>') => {
                Err(error(operator.at, "values are not ordered", "ask with `=`, `!=`, `in` or `not in`"))
            }
            other => Err(error(
                operator.at,
                &format!("expected `=`, `!=`, `in` or `not in` after `{field}`, found {}", other.name()),
                example,
            )),
        }
    }

    fn list(&mut self) -> Result<Vec<String>, RuleError> {
        let open = self.next();
        if open.kind != Kind::ListOpen {
            return Err(error(
                open.at,
                &format!("expected `[` after `in`, found {}", open.kind.name()),
                "write `in [a, b]`",
            ));
        }
        let mut values = vec![self.value()?];
        loop {
            let token = self.next();
            match token.kind {
                Kind::ListClose => return Ok(values),
                Kind::Comma if self.peek().kind == Kind::ListClose => {}
                Kind::Comma => values.push(self.value()?),
                other => {
                    return Err(error(
                        token.at,
                        &format!("expected `,` or `]`, found {}", other.name()),
                        "quote values that have spaces: `[\"The Daily\", weekly]`",
                    ));
                }
            }
        }
    }

    fn value(&mut self) -> Result<String, RuleError> {
        let token = self.next();
        match token.kind {
            Kind::Word(word) if keyword(word) => Err(error(
                token.at,
                &format!("expected a value, found `{word}`"),
                &format!("quote it if it is meant as a value: \"{word}\""),
            )),
            Kind::Word(word) => Ok(word.to_owned()),
            Kind::Quoted(text) => Ok(text),
            Kind::Equal => Err(error(token.at, "`==` is no comparison here", "write one `=`")),
            Kind::ListOpen => {
                Err(error(token.at, "a list stands where one value is expected", "write `in` before a list"))
            }
            Kind::ListClose => {
                Err(error(token.at, "the list has no value here", "name at least one value: `in [a, b]`"))
            }
            Kind::Bad('"') => Err(error(token.at, "the quotation does not end", "add the `\"` at its end")),
            Kind::Bad('\'') => Err(error(token.at, "`'` does not quote here", "use `\"` around a value")),
            other => Err(error(
                token.at,
                &format!("expected a value, found {}", other.name()),
                "write a word, or any text in double quotes",
            )),
        }
    }
}

/// A text in double quotes, in which `\"` and `\\` stand for themselves.
fn quoted<'a>(rest: &str) -> (Kind<'a>, usize) {
    let mut value = String::new();
    let mut characters = rest.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (Kind::Quoted(value), at + 1),
            '\\' => match characters.next() {
                Some((_, next @ ('"' | '\\'))) => value.push(next),
                Some((_, next)) => value.extend(['\\', next]),
                None => break,
            },
            other => value.push(other),
        }
    }
    (Kind::Bad('"'), rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_rule_says_where_it_breaks_and_what_to_do() {
        for (text, at, message, hint) in [
            ("", 0, "the rule is empty", "kind = blogger"),
            ("kind", 4, "expected `=`, `!=`, `in` or `not in` after `kind`, found the end", "kind = blogger"),
            ("kind =", 6, "expected a value, found the end of the rule", "double quotes"),
            ("kind == a", 6, "`==` is no comparison here", "one `=`"),
            ("kind = a b = c", 9, "expected `and` or `or` here, found `b`", "quote values"),
            ("kind = a && b = c", 9, "`&&` is no word", "write `and`"),
            ("kind = a || b = c", 9, "`||` is no word", "write `or`"),
            ("kind = a, b = c", 8, "a `,` stands between", "write `and`"),
            ("kind = [a]", 7, "a list stands where one value", "write `in`"),
            ("kind in a", 8, "expected `[` after `in`, found `a`", "in [a, b]"),
            ("kind in []", 9, "the list has no value here", "at least one"),
            ("kind in [a b]", 11, "expected `,` or `]`, found `b`", "quote values"),
            ("kind in [a", 10, "expected `,` or `]`, found the end", "quote"),
            ("kind not a", 9, "expected `in` after `not`, found `a`", "not in"),
            ("kind = \"a", 7, "the quotation does not end", "at its end"),
            ("kind = 'a'", 7, "`'` does not quote here", "use `\"`"),
            ("kind = and", 7, "expected a value, found `and`", "\"and\""),
            ("and = a", 0, "expected a field such as `kind`, found `and`", "kind = blogger"),
            ("(kind = a", 9, "expected `)`, found the end", "character 1"),
            ("kind = a)", 8, "this `)` closes nothing", "take it away"),
            ("kind > a", 5, "values are not ordered", "ask with"),
            ("å = å and ö ! x", 15, "expected `=`, `!=`, `in` or `not in` after `ö`, found `!`", "kind"),
            ("kind = a and", 12, "expected a field such as `kind`, found the end", "kind = blogger"),
        ] {
            let error = rule(text).unwrap_err();
            assert_eq!(error.at, at, "{text:?}: {error:?}");
            assert!(error.message.contains(message), "{text:?}: {error:?}");
            assert!(error.hint.as_deref().unwrap_or_default().contains(hint), "{text:?}: {error:?}");
        }
    }

    #[test]
    fn depth_and_length_are_bounded() {
        let deep = |count| format!("{}kind = a{}", "(".repeat(count), ")".repeat(count));
        assert!(rule(&deep(MAX_DEPTH)).is_ok());
        assert!(rule(&deep(MAX_DEPTH + 1)).unwrap_err().message.contains("deep"));
        assert!(rule(&format!("{}kind = a", "not ".repeat(400))).unwrap_err().message.contains("deep"));
        assert!(rule(&format!("kind = {}", "å".repeat(MAX_BYTES))).unwrap_err().message.contains("bytes"));
        let long = vec!["a = 1"; 180].join(" and ");
        assert!(rule(&long).is_ok());
    }

    #[test]
    fn a_trailing_comma_is_allowed() {
        assert_eq!(rule("kind in [a, b,]"), rule("kind in [a, b]"));
    }
}
