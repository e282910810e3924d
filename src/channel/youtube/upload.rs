//! Uploads in pieces that can be gone on with (developers.google.com/youtube/v3/guides/using_resumable_upload_protocol).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use reqwest::Method;
use url::Url;

use super::api::{Api, Words, id_of, refusal};
use crate::channel::http::{Answer, Lost};
use crate::channel::{Failure, Parcel, Reply, refused};
use crate::digest::Digest;
use crate::render::Asset;

/// How many bytes go in one request: a multiple of 256 KiB, small enough for a slow line and half a minute.
const PIECE: usize = 8 * 256 * 1024;
/// The largest video that is sent.
const VIDEO: usize = 1_000_000_000;

/// Uploads that were begun, by the delivery's key: an attempt goes on where the one before it broke off.
#[derive(Debug, Default)]
pub struct Sessions(Mutex<HashMap<Digest, Url>>);

/// Where an upload is.
enum Place {
    /// YouTube has so many bytes.
    At(usize),
    /// It has all, and this is the video.
    Done(String),
    /// It does not know the upload any more.
    Gone,
}

/// The release's video.
pub fn video(parcel: &Parcel) -> Result<&Asset, Failure> {
    let video = parcel.edition.assets.iter().find(|asset| asset.media_type.starts_with("video/"));
    let video = video.ok_or_else(|| refused("the release has no video"))?;
    if video.bytes.is_empty() || video.bytes.len() > VIDEO {
        return Err(refused(format!("{} has {} bytes", video.name, video.bytes.len())));
    }
    Ok(video)
}

impl Sessions {
    /// Uploads `video` as private and gives its id.
    pub async fn upload(
        &self,
        api: &Api,
        words: &Words,
        video: &Asset,
        parcel: &Parcel,
    ) -> Result<String, Failure> {
        let key = Digest::of_fields(&[&parcel.key.0, &video.sha.0]);
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        let (session, mut place) = match known {
            Some(session) => {
                let place = ask(api, &session, video.bytes.len(), parcel.now).await?;
                (session, place)
            }
            None => (api.begin(words, video, parcel).await?, Place::At(0)),
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key, session.clone());
        let forget = || self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
        loop {
            match place {
                Place::Done(id) => {
                    forget();
                    return Ok(id);
                }
                Place::Gone => {
                    forget();
                    return Err(Failure::again("YouTube does not know the upload any more; it begins anew"));
                }
                Place::At(at) => {
                    let next = piece(api, &session, video, at, parcel.now).await?;
                    // Each answer must bring it forward.
                    if matches!(next, Place::At(next) if next <= at) {
                        return Err(Failure::again("YouTube takes no more of the video"));
                    }
                    place = next;
                }
            }
        }
    }
}

/// Sends the piece that begins at `at`. Only after the last one nobody knows whether the video is there.
async fn piece(api: &Api, session: &Url, video: &Asset, at: usize, now: Timestamp) -> Result<Place, Failure> {
    let all = video.bytes.len();
    let end = at.saturating_add(PIECE).min(all);
    let bytes = video.bytes.get(at..end).filter(|bytes| !bytes.is_empty());
    let bytes = bytes.ok_or_else(|| Failure::again("YouTube counts the video's bytes in another way"))?;
    let range = format!("bytes {at}-{}/{all}", end - 1);
    let request = || {
        let request = api.request(Method::PUT, session.clone());
        Ok(request
            .header("content-range", &range)
            .header("content-type", &video.media_type)
            .body(bytes.to_vec()))
    };
    let answer = api.send(now, request).await?;
    let judged = answer.map_err(Lost::failure).and_then(|answer| judge(&answer, now));
    if end == all { judged } else { judged.map_err(|failure| failure.repeatable(None)) }
}

/// Asks how much of an upload is there.
async fn ask(api: &Api, session: &Url, all: usize, now: Timestamp) -> Result<Place, Failure> {
    let request = || {
        let request = api.request(Method::PUT, session.clone());
        Ok(request.header("content-range", format!("bytes */{all}")).header("content-length", "0"))
    };
    let answer = api.send(now, request).await?.map_err(Lost::repeatable)?;
    judge(&answer, now).map_err(|failure| failure.repeatable(answer.wait(now)))
}

fn judge(answer: &Answer, now: Timestamp) -> Result<Place, Failure> {
    match answer.status {
        200 | 201 => match id_of(answer) {
            Some(id) => Ok(Place::Done(id)),
            None => Err(Failure::Unknown { reply: Reply::note("the answer names no video") }),
        },
        308 => {
            // Without a range nothing has arrived.
            let range = answer.headers.get("range").and_then(|range| range.to_str().ok());
            let last = range.and_then(|range| range.strip_prefix("bytes=0-"));
            let last = last.and_then(|last| last.parse::<usize>().ok());
            Ok(Place::At(last.map_or(0, |last| last.saturating_add(1))))
        }
        404 | 410 => Ok(Place::Gone),
        _ => Err(refusal(answer, now)),
    }
}
