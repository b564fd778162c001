import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// In development, the browser sees one origin: this server passes on the requests to the API.
const api = process.env.API_URL ?? "http://127.0.0.1:8000";

export default defineConfig({ plugins: [react()], server: { proxy: { "/api": api } } });
