// Put the page together; draw anew when the theme changes, and for paper.
curvesPart();
errorsPart();
comparePart();
imagesPart();
ledgerPart();
tablesPart();
codeButtons();
themeButton();

function redrawAll() { for (const redraw of redraws) redraw(); }

function themeButton() {
  const button = byId("theme");
  const show = () => {
    const dark = theme() === "dark";
    button.textContent = dark ? "Light" : "Dark";
    button.setAttribute("aria-label", dark ? "light colours" : "dark colours");
    button.setAttribute("aria-pressed", String(dark));
  };
  button.addEventListener("click", () => {
    document.documentElement.dataset.theme = theme() === "dark" ? "light" : "dark";
    show();
    redrawAll();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { show(); redrawAll(); });
  show();
}

function codeButtons() {
  for (const button of document.querySelectorAll("button[data-copy]")) {
    button.addEventListener("click", () => copy(button));
  }
  for (const button of document.querySelectorAll("button[data-save]")) {
    button.addEventListener("click", () => save(button.dataset.save, textOf(button)));
  }
}

function textOf(button) { return button.closest(".code").querySelector("pre").textContent; }

function copy(button) {
  const area = element("textarea", { style: "position:fixed;opacity:0" });
  area.value = textOf(button);
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");  // a page from a file is no secure context: it has no clipboard object
  area.remove();
  button.focus();
  button.textContent = done ? "Copied" : "Select the text and copy it";
  setTimeout(() => { button.textContent = "Copy"; }, 2000);
}

function save(name, text) {
  const link = element("a", { href: URL.createObjectURL(new Blob([text], { type: "text/plain" })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

function paper(on) {
  if (printing === on) return;
  printing = on;
  redrawAll();
}
addEventListener("beforeprint", () => paper(true));
addEventListener("afterprint", () => paper(false));
matchMedia("print").addEventListener("change", (event) => paper(event.matches));
