"""SPDY/3.1, the server's side: what kubectl before 1.30 speaks for exec. Frames are pure, the session is effect."""
