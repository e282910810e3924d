//! A folder served on loopback, so that the demo's newsroom site can be looked at.

use std::path::{Component, Path, PathBuf};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;

/// The site, and the public address that its pages give themselves.
#[derive(Clone)]
pub struct Site {
    /// The folder.
    pub dir: PathBuf,
    /// The address in the files, and the one that stands for it here.
    pub addresses: (String, String),
}

/// Serves a site on `listener` until the program ends.
pub async fn serve(listener: TcpListener, site: Site) -> std::io::Result<()> {
    axum::serve(listener, Router::new().fallback(get(file)).with_state(site)).await
}

async fn file(State(site): State<Site>, uri: Uri) -> Response {
    let Some(mut path) = below(&site.dir, uri.path()) else { return StatusCode::NOT_FOUND.into_response() };
    if path.is_dir() {
        path = path.join("index.html");
    }
    match tokio::fs::read(&path).await {
        // The files keep their public address; only what is shown here leads back here.
        Ok(bytes) if media_type(&path).starts_with("text/html") => {
            let (public, here) = &site.addresses;
            let page = String::from_utf8_lossy(&bytes).replace(public, here);
            ([(header::CONTENT_TYPE, media_type(&path))], page).into_response()
        }
        Ok(bytes) => ([(header::CONTENT_TYPE, media_type(&path))], bytes).into_response(),
        Err(_) => StatusCode::NOT_FOUND.into_response(),
    }
}

/// The file that a URL's path names; nothing for a path that leaves the folder or names a dot file.
fn below(dir: &Path, path: &str) -> Option<PathBuf> {
    let mut file = dir.to_owned();
    for part in Path::new(path.trim_start_matches('/')).components() {
        match part {
            Component::Normal(name) if !name.to_str()?.starts_with('.') => file.push(name),
            _ => return None,
        }
    }
    Some(file)
}

fn media_type(path: &Path) -> &'static str {
    match path.extension().and_then(|extension| extension.to_str()).unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "xml" | "atom" | "rss" => "application/xml; charset=utf-8",
        "json" => "application/json; charset=utf-8",
        "txt" => "text/plain; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "gif" => "image/gif",
        "mp3" => "audio/mpeg",
        "m4a" => "audio/mp4",
        "mp4" => "video/mp4",
        "pdf" => "application/pdf",
        "zip" => "application/zip",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_outside_the_folder_is_served() {
        for (path, expected) in [
            ("/", Some("/site")),
            ("/2026/aster-ev/", Some("/site/2026/aster-ev")),
            ("/../etc/passwd", None),
            ("/.dateline/entries.json", None),
            ("//etc/passwd", Some("/site/etc/passwd")),
        ] {
            assert_eq!(below(Path::new("/site"), path).as_deref(), expected.map(Path::new), "{path}");
        }
    }
}
