"use strict";
(() => {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const printed = matchMedia("print");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const paint = (value, colour) => {
    if (typeof value === "string" && value.startsWith("@")) return colour(value.slice(1));
    if (Array.isArray(value)) return value.map((item) => paint(item, colour));
    if (value && typeof value === "object")
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, paint(item, colour)]));
    return value;
  };
  const draw = () => {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue("--" + name).trim();
    for (const [id, figure] of Object.entries(figures)) {
      const place = document.getElementById(id);
      if (!place) continue;
      const picture = paint(figure, colour);
      Object.assign(picture.layout, {
        paper_bgcolor: "rgba(0,0,0,0)",
        plot_bgcolor: "rgba(0,0,0,0)",
        width: printed.matches ? 690 : place.clientWidth,
        font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: colour("soft") },
        hoverlabel: { bgcolor: colour("sheet"), bordercolor: colour("rule"), font: { color: colour("ink") } },
      });
      Plotly.react(place, picture.data, picture.layout, { displaylogo: false, displayModeBar: false });
    }
  };
  draw();
  dark.addEventListener("change", draw);
  printed.addEventListener("change", draw);
  let waiting = 0;
  addEventListener("resize", () => { clearTimeout(waiting); waiting = setTimeout(draw, 120); });
  document.body.dataset.drawn = Object.keys(figures).length;
})();
