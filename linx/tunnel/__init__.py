"""The way in from outside: ssh or ngrok as a supervised child, in front of a listener of its own."""
