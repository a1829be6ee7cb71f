const bar = document.querySelector(".filters");
if (bar) {
  bar.hidden = false;
  const kind = bar.querySelector("select");
  const show = () => {
    const verdict = bar.querySelector("[aria-pressed=true]").dataset.filter;
    const type = kind ? kind.value : "*";
    let shown = 0;
    for (const card of document.querySelectorAll(".example")) {
      const wanted = ["all", card.dataset.verdict].includes(verdict) && ["*", card.dataset.kind].includes(type);
      card.hidden = !wanted;
      shown += wanted;
    }
    document.querySelector(".none").hidden = shown > 0;
  };
  bar.addEventListener("click", (event) => {
    const chosen = event.target.closest("button");
    if (!chosen) return;
    for (const button of bar.querySelectorAll("button"))
      button.setAttribute("aria-pressed", button === chosen);
    show();
  });
  if (kind) kind.addEventListener("change", show);
}
