// Start Swagger UI and pass it an access token. A separate file, because the CSP forbids inline scripts.
const dark = matchMedia("(prefers-color-scheme: dark)");
const showScheme = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", showScheme);
showScheme();

const ui = SwaggerUIBundle({
  url: "openapi.json", dom_id: "#swagger-ui", deepLinking: true, persistAuthorization: false, docExpansion: "list",
  defaultModelsExpandDepth: 0, // the schemas are below, closed
});

// Each form requests an access token, with the browser session or with email and password.
for (const form of document.querySelectorAll("form[data-authorizes]")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const sent = new URLSearchParams(new FormData(form));
    const isJson = form.dataset.authorizes === "json";
    const result = await fetch(form.action, {
      method: "POST",
      headers: { Accept: "application/json", ...(isJson && { "Content-Type": "application/json" }) },
      body: isJson ? JSON.stringify(Object.fromEntries(sent)) : sent,
    }).then((response) => response.json(), () => ({ title: "The server is not responding. Try again." }));
    document.getElementById("authorized").textContent = authorize(result);
    form.reset();
  });
}

function authorize(result) {
  if (result.mfa_required) return "This account uses two-factor authentication. Sign in on the website and authorize from there.";
  if (!result.access_token) return [result.title, result.detail].filter(Boolean).join(". ");
  ui.preauthorizeApiKey("HTTPBearer", result.access_token);
  return `Authorized for ${Math.round(result.expires_in / 60)} minutes.`;
}
