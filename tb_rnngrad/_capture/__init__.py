"""What the captures and loggers of all frameworks share; nothing here imports a framework."""
