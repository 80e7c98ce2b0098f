# The user's own sound files. This Ruby sees none: the console finds them, decodes them and tells of them.

# A sample that cannot be played.
class SampleError < StandardError; end

module Files
  OUT = $stdout
  IN = $stdin

  class << self
    # The names of what a path means, a file or those of a folder; nil when nothing is there.
    def at(path) = told("at", path)[0]

    # Why nothing is at a path.
    def refusal(path) = told("at", path)[1]

    # The names of all files beside the snippet, in `samples/` there and in the user's own folder.
    def all = told("all", "")[0] || []

    # What a score calls a file, its seconds and channels.
    def load(name)
      file, refusal = told("load", name)
      file || raise(SampleError, "sample #{name.inspect}: #{refusal}")
    end

    private

    # Everything is asked once in a run.
    def told(what, text) = (@told ||= {})[[what, text]] ||= ask(what, text)

    def ask(what, text)
      OUT.syswrite(Wire.write([what, text.to_s]))
      answer = "".b
      loop { answer << IN.sysread(65_536) }
    rescue EOFError
      Wire.read(answer)
    end
  end
end
