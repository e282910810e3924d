//! A place of its own in a PostgreSQL database.

/// Makes a schema that nobody else uses; returns the connection string that leads there.
#[cfg(feature = "postgres")]
pub fn new(url: &str) -> String {
    let name = format!(
        "reliability_{}_{}",
        std::process::id(),
        dateline::clock::Clock::system().now().as_microsecond()
    );
    say(url, &format!("CREATE SCHEMA {name}"));
    let more = if url.contains('?') { '&' } else { '?' };
    format!("{url}{more}{LEADS_THERE}{name}")
}

/// Removes what [`new`] made, so that the server has no work with it any more.
#[cfg(feature = "postgres")]
pub fn remove(url: &str) {
    let (_, name) = url.rsplit_once(LEADS_THERE).expect("a string that leads to a schema");
    say(url, &format!("DROP SCHEMA {name} CASCADE"));
}

#[cfg(feature = "postgres")]
const LEADS_THERE: &str = "options=-csearch_path%3D";

#[cfg(feature = "postgres")]
fn say(url: &str, sql: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
        let connection = tokio::spawn(connection);
        client.batch_execute(sql).await.unwrap();
        drop(client);
        connection.await.unwrap().unwrap();
    });
}

#[cfg(not(feature = "postgres"))]
pub fn new(_url: &str) -> String {
    panic!("built without the feature `postgres`")
}

#[cfg(not(feature = "postgres"))]
pub fn remove(_url: &str) {
    panic!("built without the feature `postgres`")
}

/// The server that the tests may use, where there is one and this program can speak to it.
pub fn server() -> Option<String> {
    std::env::var("DATELINE_TEST_POSTGRES").ok().filter(|_| cfg!(feature = "postgres"))
}
