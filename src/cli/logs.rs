//! Structured logs on stderr; addresses in them are masked by their types.

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

/// The form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Form {
    /// One line for people.
    #[default]
    Human,
    /// One JSON object a line.
    Json,
}

/// Begins to log; `DATELINE_LOG` chooses what (`info` where it is not set).
pub fn begin(form: Form) {
    let filter = EnvFilter::try_new(crate::config::log_filter().as_deref().unwrap_or("info"))
        .unwrap_or_else(|_| EnvFilter::new("info"));
    let builder =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    // A second call in one process (tests) changes nothing.
    let _ = match form {
        Form::Human => builder.with_ansi(super::output::color_on_stderr()).try_init(),
        Form::Json => builder.json().flatten_event(true).try_init(),
    };
}
