// Start ReDoc in the theme's colors; `colors` has those for the light and for the dark theme.
const dark = matchMedia("(prefers-color-scheme: dark)");
const color = (name) => colors[name][Number(dark.matches)];

// Their tabs are in the right panel, which is dark in both themes.
const response = (name) => ({ color: color(name), backgroundColor: color("soft"), tabTextColor: colors[name][1] });

function startRedoc() {
  document.documentElement.style.background = color("paper");
  document.documentElement.style.color = color("ink");
  document.querySelector("a").style.color = color("accent");
  const code = { color: color("ink"), backgroundColor: color("soft") };
  Redoc.init("openapi.json", {
    theme: {
      colors: {
        primary: { main: color("accent") },
        text: { primary: color("ink"), secondary: color("quiet") },
        border: { dark: color("line"), light: color("line") },
        responses: {
          success: response("good"), error: response("bad"), redirect: response("quiet"), info: response("quiet"),
        },
      },
      schema: { nestedBackground: color("soft"), typeNameColor: color("quiet"), typeTitleColor: color("quiet"), requireLabelColor: color("bad") },
      sidebar: { backgroundColor: color("sheet"), textColor: color("ink"), activeTextColor: color("accent") },
      typography: { fontFamily: "system-ui, sans-serif", headings: { fontFamily: "system-ui, sans-serif" }, code },
      rightPanel: { backgroundColor: "#263238" },
    },
  }, document.getElementById("redoc"));
}

dark.addEventListener("change", startRedoc);
startRedoc();
