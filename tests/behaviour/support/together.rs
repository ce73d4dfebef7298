//! Many at once.

/// Does this with all of them at once.
pub async fn all<I: 'static, T: 'static, F>(those: impl IntoIterator<Item = I>, deed: impl Fn(I) -> F) -> Vec<T>
where
    F: Future<Output = T> + 'static,
{
    let together = tokio::task::LocalSet::new();
    let deeds: Vec<_> = those.into_iter().map(|one| together.spawn_local(deed(one))).collect();
    together.await;
    let mut done = Vec::new();
    for deed in deeds {
        done.push(deed.await.expect("it is done"));
    }
    done
}
