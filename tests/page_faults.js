// What tests/page_faults.py and tests/keyboard.py look for in a page: each function returns what is wrong.
({
  // More than one h1, IDs that two elements have, and tables or columns without a heading.
  structure() {
    const shown = (name) => [...document.querySelectorAll(name)].filter((it) => it.checkVisibility());
    const faults = shown("h1").length === 1 ? [] : [`${shown("h1").length} h1`];
    for (const table of shown("table")) if (!table.querySelector("th")) faults.push("table without th");
    for (const head of shown("th")) {
      if (!head.textContent.trim() && !head.querySelector("input")) faults.push("th without text");
    }
    const ids = [...document.querySelectorAll("[id]")].map((it) => it.id);
    return [...faults, ...ids.filter((id, at) => ids.indexOf(id) !== at).map((id) => `two #${id}`)];
  },

  // What is outside of the window, or is cut without an ellipsis. Tables and tabs may scroll.
  cut() {
    const faults = [];
    const exempt = ".skip, .visually-hidden, .select2-hidden-accessible, svg, .table-responsive, .tabs, .search > .field > label";
    const wider = document.documentElement.scrollWidth - document.documentElement.clientWidth;
    if (wider > 0) faults.push(`${wider} px wider than the window`);
    for (const it of document.querySelectorAll("a, button, input, select, summary, label, h1, h2, p, td, dd, li")) {
      if (!it.checkVisibility({ visibilityProperty: true }) || it.closest(exempt)) continue;
      const box = it.getBoundingClientRect();
      const style = getComputedStyle(it);
      if (box.width && (box.left < -1 || box.right > innerWidth + 1)) faults.push(`outside: ${it.outerHTML.slice(0, 99)}`);
      const isClipped = style.overflowX === "hidden" && style.textOverflow !== "ellipsis" && style.webkitLineClamp === "none";
      if (isClipped && it.scrollWidth > it.clientWidth + 1) faults.push(`cut: ${it.outerHTML.slice(0, 99)}`);
    }
    return faults;
  },

  // Controls whose edge, and current links whose mark, would be only a background or a shadow in forced colors.
  unmarked() {
    const exempt = "[type=file], .select2-container, .select2-hidden-accessible";
    const controls = "button, .button, .btn, input, select, textarea, [aria-current], .nav-link.active";
    return [...document.querySelectorAll(controls)]
      .filter((it) => it.checkVisibility({ visibilityProperty: true }) && !it.closest(exempt))
      .filter((it) => {
        const style = getComputedStyle(it);
        const isDrawnBySystem = style.appearance !== "none" && /checkbox|radio/.test(it.type);
        const isMenuItem = it.closest("nav") && !it.matches("[aria-current], .active");
        const isUnderlined = style.textDecorationLine.includes("underline");
        return !(isDrawnBySystem || isMenuItem || isUnderlined || parseFloat(style.borderBlockEndWidth));
      })
      .map((it) => `without border or line: ${it.outerHTML.slice(0, 99)}`);
  },

  // What moves although the user asks for less motion.
  motion() {
    const lasts = (times) => times.split(",").some((time) => parseFloat(time) > 0.02);
    return [...document.querySelectorAll("*")]
      .filter((it) => {
        const style = getComputedStyle(it);
        const isAnimated = style.animationName !== "none" && lasts(style.animationDuration);
        return isAnimated || (style.transitionProperty !== "none" && lasts(style.transitionDuration));
      })
      .map((it) => `moves: ${it.outerHTML.slice(0, 99)}`);
  },

  // Whether the element with the focus shows that, can be seen, and is another one than at the last call.
  focus() {
    const faults = [];
    const [stop, last] = [document.activeElement, window.lastStop];
    window.lastStop = stop;
    if (stop === document.body) return faults;
    const picker = stop.closest(".select2-container")?.querySelector(".select2-selection");
    const shown = picker ?? (stop.matches(".btn-check") ? stop.labels[0] : stop);
    const style = getComputedStyle(shown);
    const isOutlined = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
    const isPicker = shown.closest(".select2-container--focus, .select2-container--open");
    if (!isOutlined && !isPicker) faults.push("has no focus indicator");
    const { x, y, width, height } = shown.getBoundingClientRect();
    const above = document.elementFromPoint(x + Math.min(width / 2, 200), y + Math.min(height / 2, 100));
    if (!above) faults.push("is outside of the window");
    else if (!above.contains(shown) && !shown.contains(above)) faults.push(`is covered by ${above.outerHTML.slice(0, 99)}`);
    if (stop === last) faults.push("keeps the focus");
    if (stop.tabIndex > 0) faults.push("has a tabindex of its own");
    return faults.map((fault) => `${stop.outerHTML.slice(0, 160)} ${fault}`);
  },
})
