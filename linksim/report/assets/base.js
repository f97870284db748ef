// What every part of the page uses: the data, elements, text for plotly, the two themes and their colours.
const DATA = JSON.parse(document.getElementById("data").textContent);
const THEMES = {
  light: {
    paper: "#ffffff", ink: "#1d2329", soft: "#57606a", line: "#d8dee4", ramp: ["#08306b", "#9ecae1"],
    systems: ["#0072B2", "#D55E00", "#009E73", "#B8548E", "#B07800", "#2F8FC4", "#222222"],
    spent: ["#0072B2", "#7FB8D8", "#D55E00", "#009E73", "#C9CED3", "#B8548E", "#8A939B"],
  },
  dark: {
    paper: "#12161b", ink: "#e4e8ec", soft: "#a3adb8", line: "#343c45", ramp: ["#deebf7", "#3f7fbf"],
    systems: ["#5AB0E6", "#FF8F52", "#35C79B", "#E59BC6", "#F0B93A", "#9AD2F5", "#E8E8E8"],
    spent: ["#5AB0E6", "#2C6388", "#FF8F52", "#35C79B", "#4A525B", "#E59BC6", "#7C8791"],
  },
};
const DASHES = ["solid", "dash", "dot", "dashdot", "longdash", "longdashdot"];
const MARKERS = ["circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "x"];
const redraws = [];
let printing = false;

function narrow() { return innerWidth < 640 && !printing; }

function byId(id) { return document.getElementById(id); }

// An element with its attributes and children; text goes in as text, never as markup.
function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value !== undefined && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

// Text that plotly, which reads some HTML in labels, shows as it is.
function plain(text) {
  return String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/\$/g, "&#36;");
}

function short(text, most) { return text.length > most ? text.slice(0, most - 1) + "\u2026" : text; }

function number(value, digits) {
  return value === null || value === undefined ? "\u2013" : value.toFixed(digits).replace("-", "\u2212");
}

function percent(value) {
  if (value === null || value === undefined) return "\u2013";
  return value > 0 && value < 1e-3 ? value.toExponential(2) : (100 * value).toFixed(2) + " %";
}

// A labelled <select>. options: [value, text]; change is called with the value.
function choice(label, options, value, change) {
  const select = element("select", { onchange: () => change(select.value) });
  for (const [key, text] of options) select.append(element("option", { value: key }, text));
  select.value = value;
  const made = element("label", {}, label, select);
  made.select = select;
  return made;
}

function check(label, on, change) {
  const box = element("input", { type: "checkbox", checked: on, onchange: () => change(box.checked) });
  return element("label", { class: "check" }, box, label);
}

function theme() {
  if (printing) return "light";
  const chosen = document.documentElement.dataset.theme;
  return chosen || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
}

function colours() { return THEMES[theme()]; }

function systemColour(number) {
  const all = colours().systems;
  return all[number % all.length];
}

// A colour between the ends of the theme's ramp; part: 0 to 1.
function rampColour(part) {
  const [from, to] = colours().ramp.map((hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16)));
  return "rgb(" + from.map((start, i) => Math.round(start + part * (to[i] - start))).join(",") + ")";
}

function axis(title, more) {
  const { ink, line, soft } = colours();
  return Object.assign({
    title: { text: plain(title), standoff: 12 }, gridcolor: line, zerolinecolor: line, linecolor: soft, color: ink,
    automargin: true, ticks: "outside", tickcolor: line,
  }, more);
}

function layout(height, more) {
  const { paper, ink } = colours();
  return Object.assign({
    paper_bgcolor: paper, plot_bgcolor: paper, height, margin: { l: 60, r: 16, t: 16, b: 48 },
    font: { family: getComputedStyle(document.body).fontFamily, size: 13, color: ink }, hovermode: "closest",
    hoverlabel: { align: "left", font: { size: 13 } }, dragmode: narrow() ? false : "zoom",
    legend: { orientation: "h", yref: "container", y: 0, yanchor: "bottom", xref: "container", x: 0, xanchor: "left", traceorder: "normal" },
  }, more);
}

function draw(id, traces, shape) {
  const wide = printing ? 690 : undefined;
  return Plotly.react(byId(id), traces, Object.assign(shape, { width: wide, autosize: !wide }), {
    displaylogo: false, responsive: true, typesetMath: false, showSendToCloud: false, plotlyServerURL: "",
    modeBarButtons: [["toImage", "zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"]],
    toImageButtonOptions: { format: "png", scale: 3, filename: id },
  });
}

// The height of a plot whose legend has these labels: the plot's own, and a line for what does not fit beside.
function withLegend(height, labels) {
  const room = Math.max(280, (printing ? 690 : byId("main").clientWidth) - 40);
  const widest = Math.max(0, ...labels.map((label) => label.length)) * 7.2 + 60;
  const lines = Math.ceil(labels.length / Math.max(1, Math.floor(room / widest)));
  return height + (labels.length > 1 ? 22 * lines + 12 : 0);
}
