"""What training, answering and reading cost here, beside a plain implementation."""
