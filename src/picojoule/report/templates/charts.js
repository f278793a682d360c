// Draws every chart of the page in the page's own colours, again when the colour scheme changes.
const specs = JSON.parse(document.getElementById("specs").textContent);

function theme() {
  const style = getComputedStyle(document.documentElement);
  const [ink, muted, line] = ["--ink", "--muted", "--line"].map((n) => style.getPropertyValue(n).trim());
  const font = style.getPropertyValue("--font").trim();
  const text = { labelColor: muted, titleColor: ink, labelFontSize: 11.5, titleFontSize: 12, titleFontWeight: 500 };
  return {
    background: "transparent",
    font,
    view: { stroke: null },
    axis: { ...text, gridColor: line, domainColor: line, tickColor: line, titlePadding: 10, labelPadding: 5 },
    legend: { ...text, orient: "top", symbolType: "circle", padding: 0, offset: 12 },
    rule: { color: ink },
    text: { color: ink },
  };
}

function draw() {
  for (const [id, spec] of Object.entries(specs)) {
    // The expression interpreter needs no eval, which the page's security policy forbids.
    const options = { actions: false, ast: true, renderer: "svg", config: theme() };
    vegaEmbed(`#chart-${id}`, spec, options).catch((error) => {
      document.getElementById(`chart-${id}`).textContent = `This chart failed: ${error.message}`;
    });
  }
}

draw();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
