//! `dateline preview`: the editors' view in the browser.

use std::process::{Command, Stdio};

use tokio_util::sync::CancellationToken;

use super::{CliError, Ctx, Exit};
use crate::preview::{Options, Preview, PreviewError};

/// The port where nobody asks for another.
const PORT: u16 = 4680;

/// See every release, audience and channel in the browser while you write
///
/// Serves on this machine alone, shows what is wrong beside what its readers will see, and follows
/// every save. It cannot send or change anything. Open the printed address; it is a new one after
/// every start. Ctrl-C ends it.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The port on 127.0.0.1 [default: 4680, or any that is free]
    #[arg(long)]
    port: Option<u16>,

    /// Open the browser
    #[arg(long)]
    open: bool,
}

/// Runs `dateline preview`.
pub fn run(ctx: &Ctx, args: &Args) -> Result<Exit, CliError> {
    let dir = ctx.newsroom_dir()?;
    // Deeply nested text is parsed and rendered by recursion.
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().thread_stack_size(8 << 20).build()?;
    runtime.block_on(async {
        let stop = CancellationToken::new();
        super::signals::stop_on(&stop);
        let options = |port| Options { dir: dir.clone(), port, clock: ctx.clock.clone() };
        let preview = match Preview::open(options(args.port.unwrap_or(PORT)), stop.clone()).await {
            Err(PreviewError::Port { .. }) if args.port.is_none() => Preview::open(options(0), stop).await?,
            other => other?,
        };
        let address = preview.address();
        super::output::print(&format!("{address}\n"))?;
        eprintln!("Serving {} on this machine alone; it cannot send. Ctrl-C ends it.", dir.display());
        if let Some(reason) = &preview.slow {
            eprintln!("The system tells of no changes ({reason}); they are looked for every two seconds.");
        }
        if args.open && !browse(&address) {
            eprintln!("No browser could be started; open the address above.");
        }
        preview.serve().await?;
        Ok(Exit::Done)
    })
}

/// Hands the address to the desktop's browser; whether that could be started.
fn browse(address: &str) -> bool {
    let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let quiet = Stdio::null;
    Command::new(opener).arg(address).stdin(quiet()).stdout(quiet()).stderr(quiet()).spawn().is_ok()
}

impl From<PreviewError> for CliError {
    fn from(error: PreviewError) -> CliError {
        match error {
            PreviewError::Port { .. } => {
                CliError::outside(error).hint("choose another port with --port, or none for any that is free")
            }
            PreviewError::Load(_) | PreviewError::Random => CliError::outside(error),
        }
    }
}
