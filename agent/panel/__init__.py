"""What people see and press: lights that show the state, a button, a mute switch."""
