"""The door for agents outside: tokens, the tools behind it, the server of the running bot and the way in over stdio."""
