// Brings new mails into the list without touching what is being read, and moves with j and k.
const list = () => document.querySelector(".list");
let known = document.body.dataset.count;
setInterval(async () => {
  if (document.hidden) return;
  try {
    const { count } = await (await fetch("/api/count")).json();
    if (String(count) === known) return;
    const fresh = new DOMParser().parseFromString(await (await fetch(location.href)).text(), "text/html");
    known = String(count);
    if (document.body.className !== fresh.body.className) return location.reload();
    list().replaceChildren(...fresh.querySelector(".list").childNodes);
    document.querySelector(".count").textContent = fresh.querySelector(".count").textContent;
  } catch { /* The catcher has stopped; what is shown stays. */ }
}, 1500);
document.addEventListener("keydown", (event) => {
  if (event.target.matches("input") || event.metaKey || event.ctrlKey || event.altKey) return;
  const step = { j: "nextElementSibling", k: "previousElementSibling" }[event.key];
  const here = document.querySelector(".item.chosen")?.parentElement;
  const to = step && (here ? here[step] : list()?.firstElementChild);
  to?.querySelector("a")?.click();
});
document.querySelector(".item.chosen")?.scrollIntoView({ block: "nearest" });
