// Runs before anything is drawn: light or dark, as chosen in the menu, or else as the system says.
const dark = matchMedia("(prefers-color-scheme: dark)");
const chosenTheme = () => localStorage.getItem("admin-theme") ?? "";
const paint = () => { document.documentElement.dataset.bsTheme = chosenTheme() || (dark.matches ? "dark" : "light"); };
paint();
dark.addEventListener("change", paint);
addEventListener("storage", paint); // chosen in another window
