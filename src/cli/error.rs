//! What can go wrong at the edge, and the exit code it becomes.

use std::process::ExitCode;

/// How a command ended, as scripts see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It did what it was asked to.
    Done,
    /// It found something, or something was refused.
    Refused,
    /// Wrong usage or configuration.
    Usage,
    /// The network, the disk or a database failed.
    Outside,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(match exit {
            Exit::Done => 0,
            Exit::Refused => 1,
            Exit::Usage => 2,
            Exit::Outside => 3,
        })
    }
}

/// Why a command stopped: one sentence, and what to do.
#[derive(Debug)]
pub struct CliError {
    /// The exit code.
    pub exit: Exit,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hints: Vec<String>,
}

impl CliError {
    fn new(exit: Exit, message: String) -> CliError {
        CliError { exit, message, hints: Vec::new() }
    }

    /// Something was found or refused: exit code 1.
    pub fn refused(message: impl ToString) -> CliError {
        CliError::new(Exit::Refused, message.to_string())
    }

    /// Wrong usage or configuration: exit code 2.
    pub fn usage(message: impl ToString) -> CliError {
        CliError::new(Exit::Usage, message.to_string())
    }

    /// Something outside failed: exit code 3.
    pub fn outside(message: impl ToString) -> CliError {
        CliError::new(Exit::Outside, message.to_string())
    }

    /// Says what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> CliError {
        self.hints.push(hint.into());
        self
    }

    /// Prints it to stderr.
    pub fn print(&self) {
        use std::io::Write as _;
        let hints: String = self.hints.iter().map(|hint| format!("  hint: {hint}\n")).collect();
        // Whoever closed stderr does not want to read it; the exit code says enough.
        let _ = write!(std::io::stderr(), "error: {}\n{hints}", self.message);
    }
}

impl From<std::io::Error> for CliError {
    fn from(error: std::io::Error) -> CliError {
        CliError::outside(error)
    }
}

impl From<serde_json::Error> for CliError {
    fn from(error: serde_json::Error) -> CliError {
        CliError::outside(error)
    }
}

impl From<crate::ledger::LedgerError> for CliError {
    fn from(error: crate::ledger::LedgerError) -> CliError {
        match error {
            crate::ledger::LedgerError::Refused(_) => CliError::refused(error),
            _ => CliError::outside(error),
        }
    }
}

impl From<crate::load::LoadError> for CliError {
    fn from(error: crate::load::LoadError) -> CliError {
        use crate::load::LoadError::{NoNewsroom, NoRepository, Revision};
        match error {
            NoNewsroom(_) | NoRepository(_) | Revision(_) => CliError::usage(error),
            _ => CliError::outside(error),
        }
    }
}

impl From<crate::config::SecretError> for CliError {
    fn from(error: crate::config::SecretError) -> CliError {
        CliError::usage(error)
    }
}
