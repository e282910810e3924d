//! The editors' browser preview: every release, audience and channel, findings beside it, live.
//!
//! It shows and cannot do anything else: there is no route that changes anything, and no import
//! by which something could leave ([`routes`] has the table). It listens on loopback alone, on two
//! ports: the *desk* is the editors' page and its API; the *stage* shows what was rendered, in
//! frames without scripts, as another origin. [`guard`] says who may look.
//!
//! Starting fails if a port cannot be had or the folder cannot be read; afterwards a newsroom that
//! is broken is shown as broken, and nothing ends the preview but its stop.

mod answers;
mod card;
mod commit;
mod compare;
mod desk;
mod edition;
pub mod export;
mod guard;
mod letter;
mod person;
mod planned;
mod push;
mod records;
mod routes;
mod snapshot;
mod view;
mod wanted;
mod watch;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::load::LoadError;
pub use records::{Issued, Records};

use desk::Desk;
use guard::{Door, Guard};
use watch::Watcher;

/// How long answers that are under way may take after the stop.
const FAREWELL: Duration = Duration::from_millis(200);

/// What a preview needs to know.
#[derive(Clone)]
pub struct Options {
    /// The newsroom's folder.
    pub dir: PathBuf,
    /// The desk's port; 0 for any that is free.
    pub port: u16,
    /// The time.
    pub clock: Clock,
    /// The contact book and what was issued; without it readers are made up.
    pub records: Option<Arc<dyn Records>>,
    /// The address that opens a line of a file in an editor, with `{file}`, `{line}` and `{column}` in it; nothing for none.
    pub editor: Option<String>,
}

/// Why a preview does not start.
#[derive(Debug, thiserror::Error)]
pub enum PreviewError {
    /// The port is taken, or not allowed.
    #[error("cannot listen on 127.0.0.1:{port}: {source}")]
    Port {
        /// The port that was wanted.
        port: u16,
        /// What the system says.
        source: io::Error,
    },
    /// The newsroom cannot be read.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The system has no random numbers for the token.
    #[error("the system gives no random numbers")]
    Random,
}

/// A preview that listens and is ready to serve.
pub struct Preview {
    desk: Arc<Desk>,
    doors: [(Door, TcpListener); 2],
    watcher: Watcher,
    /// Why changes are only found by looking every two seconds, if that is so.
    pub slow: Option<String>,
}

impl Preview {
    /// Takes the ports and reads the newsroom.
    pub async fn open(options: Options, stop: CancellationToken) -> Result<Preview, PreviewError> {
        let (desk_door, desk_port) = listen(options.port).await?;
        let (stage_door, stage_port) = listen(0).await?;
        let guard = Guard::new(desk_port, stage_port).ok_or(PreviewError::Random)?;
        let (watcher, slow) = Watcher::new(&options.dir);
        let desk = Arc::new(Desk::open(&options, guard, stop)?);
        Ok(Preview { desk, doors: [(Door::Desk, desk_door), (Door::Stage, stage_door)], watcher, slow })
    }

    /// The address to open in a browser: whoever has it may look.
    pub fn address(&self) -> String {
        self.desk.guard.address()
    }

    /// Serves until the stop.
    pub async fn serve(self) -> io::Result<()> {
        let Preview { desk, doors, watcher, .. } = self;
        let stop = desk.stop.clone();
        let stopper = watcher.stopper();
        let follower = {
            let desk = Arc::clone(&desk);
            std::thread::Builder::new()
                .name("preview-watch".to_owned())
                .stack_size(STACK)
                .spawn(move || desk.follow(watcher))?
        };
        let [desk_served, stage_served] = doors.map(|(door, listener)| {
            let app = routes::router(door, Arc::clone(&desk));
            // News are small, and come one after the other: the system would hold the second back until the first is
            // acknowledged, which takes 40 ms. Without it they come all the same.
            let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
            axum::serve(listener, app).with_graceful_shutdown(stop.clone().cancelled_owned())
        });
        let served =
            async { tokio::try_join!(desk_served.into_future(), stage_served.into_future()).map(|_| ()) };
        let farewell = async {
            stop.cancelled().await;
            tokio::time::sleep(FAREWELL).await;
        };
        let result = tokio::select! {
            result = served => result,
            () = farewell => Ok(()),
        };
        stop.cancel();
        stopper.stop();
        // It wakes at once; if it panicked, there is nothing left to save.
        let _ = tokio::task::spawn_blocking(move || follower.join()).await;
        result
    }
}

/// Deeply nested text is parsed by recursion.
const STACK: usize = 8 << 20;

async fn listen(port: u16) -> Result<(TcpListener, u16), PreviewError> {
    let error = |source| PreviewError::Port { port, source };
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await.map_err(error)?;
    let port = listener.local_addr().map_err(error)?.port();
    Ok((listener, port))
}
