"""Programs that Linx runs as children of its own: the demo's llama.cpp, and the tunnel's ssh or ngrok."""
