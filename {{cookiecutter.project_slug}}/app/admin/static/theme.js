// Runs before the page is drawn: sets the theme that is selected in the menu, or else that of the system.
const dark = matchMedia("(prefers-color-scheme: dark)");
const selectedTheme = () => localStorage.getItem("admin-theme") ?? "";
const paint = () => { document.documentElement.dataset.bsTheme = selectedTheme() || (dark.matches ? "dark" : "light"); };
paint();
dark.addEventListener("change", paint);
addEventListener("storage", paint); // selected in another window
